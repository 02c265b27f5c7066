"""Layers made of torchode 1.0.1: one step size for each batch member, and three adjoints.

Each adjoint is combined with every stepping method.  The step size is fixed, or controlled where the method
estimates its error.  Euler has no estimate: with a controller, torchode keeps its first step size.  Other
options are tried on one layer each: a PID controller with another norm and a first and a largest step, and
backpropagation that leaves out the control of the step size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torchode
from torch import Tensor, nn
from torchode.step_size_controllers import max_norm

from nodecheck.layers import Adjoint, TorchLayer
from nodecheck.layers.layer import MEMBER_TIMES, Memory
from nodecheck.numerics.constants import EPS
from nodecheck.targets.known_failures import expected_failures

# Class, order, name of its tableau, and True if it estimates its error.
_METHODS: dict[str, tuple[Any, int, str | None, bool]] = {
    "euler": (torchode.Euler, 1, "euler", False),
    "heun": (torchode.Heun, 2, "heun", True),
    "dopri5": (torchode.Dopri5, 5, "dopri5", True),
    "tsit5": (torchode.Tsit5, 5, None, True),
}


def _autodiff(_term: Any, method: Any, controller: Any, **options: Any) -> Any:
    """Return the solver differentiated by autograd; unlike the others, it is made without the term."""
    return torchode.AutoDiffAdjoint(method, controller, **options)


# Constructor of the solver, and the claims of torchode's documentation.
_ADJOINTS: dict[str, tuple[Callable[..., Any], Adjoint, Memory]] = {
    "autodiff": (_autodiff, "discrete", "linear"),
    "backsolve": (torchode.BacksolveAdjoint, "continuous", "constant"),
    "joint_backsolve": (torchode.JointBacksolveAdjoint, "continuous", "constant"),
}


# One interval for each problem; the joint adjoint solves the batch as one problem, and refuses them.
_WITH_MEMBERS = ("autodiff", "backsolve")


def _durations(ts: Tensor) -> Tensor:
    """Return the length of the interval, or of each member's, negative where time runs backwards."""
    return (ts[..., -1] - ts[..., 0]).detach()


def _supports(adjoint: str) -> frozenset[str]:
    return frozenset({MEMBER_TIMES}) if adjoint in _WITH_MEMBERS else frozenset()


def _solve(solver: Any, term: Any, y0: Tensor, ts: Tensor, dt0: Tensor | None) -> Tensor:
    """Return the states at output times, times first; ts is that of all members, or has a row for each.

    torchode takes one step size for each problem, and the joint adjoint solves the batch as one problem.
    Both adjoints put times and state into one vector, which has one dtype.
    """
    dtype = torch.float64 if isinstance(solver, torchode.AutoDiffAdjoint) else y0.dtype
    times, durations = ts.to(dtype), _durations(ts)
    lost = (_durations(times) - durations).abs() > torch.finfo(y0.dtype).eps * durations.abs()
    if lost.any():
        message = f"{dtype} does not represent {ts.tolist()}; use a float64 state, or shift the interval"
        raise ValueError(message)
    times = times.expand(len(y0), ts.shape[-1])
    problem = torchode.InitialValueProblem(y0, times[:, 0], times[:, -1], times)
    problems = 1 if isinstance(solver, torchode.JointBacksolveAdjoint) else len(y0)
    step = None if dt0 is None else dt0.to(times).expand(problems)
    ys: Tensor = solver.solve(problem, term, dt0=step).ys
    return ys.transpose(0, 1)


def _adaptive(adjoint: str, method: str, suffix: str = "", **options: Any) -> TorchLayer:
    """Return the layer of a stepping method with a controller; options are those of the adjoint."""
    make, kind, memory = _ADJOINTS[adjoint]
    stepper, order, _, _ = _METHODS[method]

    def build(dynamics: nn.Module, ts: Tensor, rtol: float, atol: float) -> Callable[[Tensor], Tensor]:
        term = torchode.ODETerm(dynamics)
        controller = torchode.IntegralController(atol=atol, rtol=rtol, term=term)
        solver = make(term, stepper(term=term), controller, **options)
        return lambda y0: _solve(solver, term, y0, ts, None)

    name = f"torchode-{adjoint}-{method}{suffix}"
    return TorchLayer(
        name,
        build,
        order=order,
        adjoint=kind,
        memory=memory,
        supports=_supports(adjoint),
        expected_failures=expected_failures(name),
    )


def _fixed(adjoint: str, method: str) -> TorchLayer:
    """Return the layer of a stepping method with fixed steps."""
    make, kind, memory = _ADJOINTS[adjoint]
    stepper, order, tableau, _ = _METHODS[method]

    def build(dynamics: nn.Module, ts: Tensor, n_steps: int) -> Callable[[Tensor], Tensor]:
        term = torchode.ODETerm(dynamics)
        solver = make(term, stepper(term=term), torchode.FixedStepController())
        # Longer than the quotient by the rounding of n additions.  The sum of n steps then never ends just
        # before t1, which would take one more step; torchode shortens the last step to end at t1.
        step = _durations(ts) / n_steps * (1 + n_steps * EPS)
        return lambda y0: _solve(solver, term, y0, ts, step)

    name = f"torchode-{adjoint}-{method}-fixed"
    return TorchLayer(
        name,
        build,
        order=order,
        adjoint=kind,
        memory=memory,
        supports=_supports(adjoint),
        tableau=tableau,
        expected_failures=expected_failures(name),
    )


def _with_options() -> TorchLayer:
    """Return dopri5 under a PID controller, by the largest error, with a first and a largest step."""

    def build(dynamics: nn.Module, ts: Tensor, rtol: float, atol: float) -> Callable[[Tensor], Tensor]:
        term, duration = torchode.ODETerm(dynamics), _durations(ts)
        # Söderlind (2003): a proportional and an integral part, 0.2 and 0.5 for a method of order five.
        controller = torchode.PIDController(
            atol, rtol, 0.2, 0.5, 0.0, term=term, norm=max_norm, dt_max=abs(float(duration)) / 4
        )
        solver = torchode.AutoDiffAdjoint(torchode.Dopri5(term=term), controller)
        return lambda y0: _solve(solver, term, y0, ts, duration / 16)

    name = "torchode-autodiff-dopri5-pid"
    return TorchLayer(
        name,
        build,
        order=5,
        adjoint="discrete",
        memory="linear",
        expected_failures=expected_failures(name),
    )


LAYERS: tuple[TorchLayer, ...] = (
    *(
        layer
        for adjoint in _ADJOINTS
        for layer in (
            *(_adaptive(adjoint, method) for method, (_, _, _, estimates) in _METHODS.items() if estimates),
            *(_fixed(adjoint, method) for method in _METHODS),
        )
    ),
    _with_options(),
    _adaptive("autodiff", "dopri5", "-constant_steps", backprop_through_step_size_control=False),
)
