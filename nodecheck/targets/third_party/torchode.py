"""Layers made of torchode 1.0.1: one step size per batch member, and three ways to the gradient.

Each adjoint is combined with every stepping method, with the step size controlled where the method estimates
its error, and fixed.  Euler has no estimate: with a controller torchode keeps its first step size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torchode
from torch import Tensor, nn

from nodecheck.layers import Adjoint, TorchLayer
from nodecheck.layers.layer import Memory
from nodecheck.targets.known_failures import expected_failures

# Class, order, name of its tableau, whether it estimates its error.
_METHODS: dict[str, tuple[Any, int, str | None, bool]] = {
    "euler": (torchode.Euler, 1, "euler", False),
    "heun": (torchode.Heun, 2, "heun", True),
    "dopri5": (torchode.Dopri5, 5, "dopri5", True),
    "tsit5": (torchode.Tsit5, 5, None, True),
}


def _autodiff(_term: Any, method: Any, controller: Any) -> Any:
    return torchode.AutoDiffAdjoint(method, controller)


# How to build the solver, and what torchode's documentation says it is.
_ADJOINTS: dict[str, tuple[Callable[..., Any], Adjoint, Memory]] = {
    "autodiff": (_autodiff, "discrete", "linear"),
    "backsolve": (torchode.BacksolveAdjoint, "continuous", "constant"),
    "joint_backsolve": (torchode.JointBacksolveAdjoint, "continuous", "constant"),
}


def _solve(solver: Any, term: Any, y0: Tensor, t0: float, t1: float, dt0: float | None) -> Tensor:
    """Return the final state; all members share the interval.

    A step size is asked for per problem that is solved, and the joint adjoint solves one for the whole batch.
    """
    times = torch.tensor([t0, t1], dtype=y0.dtype, device=y0.device).expand(len(y0), 2)
    problem = torchode.InitialValueProblem(y0, times[:, 0], times[:, 1], times)
    problems = 1 if isinstance(solver, torchode.JointBacksolveAdjoint) else len(y0)
    step = None if dt0 is None else torch.full_like(times[:problems, 0], dt0)
    y1: Tensor = solver.solve(problem, term, dt0=step).ys[:, -1]
    return y1


def _adaptive(adjoint: str, method: str) -> TorchLayer:
    make, kind, memory = _ADJOINTS[adjoint]
    stepper, order, _, _ = _METHODS[method]

    def build(dynamics: nn.Module, t0: float, t1: float, tol: float) -> Callable[[Tensor], Tensor]:
        term = torchode.ODETerm(dynamics)
        controller = torchode.IntegralController(atol=tol, rtol=tol, term=term)
        solver = make(term, stepper(term=term), controller)
        return lambda y0: _solve(solver, term, y0, t0, t1, None)

    name = f"torchode-{adjoint}-{method}"
    return TorchLayer(
        name,
        build,
        order=order,
        adjoint=kind,
        memory=memory,
        expected_failures=expected_failures(name),
    )


def _fixed(adjoint: str, method: str) -> TorchLayer:
    make, kind, memory = _ADJOINTS[adjoint]
    stepper, order, tableau, _ = _METHODS[method]

    def build(dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> Callable[[Tensor], Tensor]:
        term = torchode.ODETerm(dynamics)
        solver = make(term, stepper(term=term), torchode.FixedStepController())
        # A hair more than the quotient: added up, n steps then never end just short of t1, which would cost
        # a step more; the last one is cut at t1.
        step = (t1 - t0) / n_steps * (1 + n_steps * torch.finfo(torch.float64).eps)
        return lambda y0: _solve(solver, term, y0, t0, t1, step)

    name = f"torchode-{adjoint}-{method}-fixed"
    return TorchLayer(
        name,
        build,
        order=order,
        adjoint=kind,
        memory=memory,
        tableau=tableau,
        expected_failures=expected_failures(name),
    )


LAYERS: tuple[TorchLayer, ...] = tuple(
    layer
    for adjoint in _ADJOINTS
    for layer in (
        *(_adaptive(adjoint, method) for method, (_, _, _, estimates) in _METHODS.items() if estimates),
        *(_fixed(adjoint, method) for method in _METHODS),
    )
)
