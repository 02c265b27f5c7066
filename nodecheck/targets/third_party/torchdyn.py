"""Layers made of torchdyn 1.0.6: its functional odeint, and NeuralODE with its three sensitivities.

NeuralODE with autograd makes the solver and calls the functional odeint with it.  The functional odeint
itself is included for the solvers whose results differ.  Left out are `alf`, which integrates pairs (x, v),
and the multiple shooting methods, which ignore the time.  Another solver for the adjoint equation is tried
with the adjoint alone: the interpolated adjoint takes no notice of `solver_adjoint`, `atol_adjoint` and
`rtol_adjoint`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchdyn.core import NeuralODE
from torchdyn.numerics import odeint

from nodecheck import adapt
from nodecheck.layers import Adjoint, TorchLayer
from nodecheck.layers.layer import Memory
from nodecheck.targets.known_failures import expected_failures

# Order and tableau; torchdyn's documentation calls "rk4" the classical method.
# Layers are examined in parallel, in this order.  Implicit Euler comes first because it takes longest, and so
# does, below, the adjoint with which it takes longest.
_FIXED: dict[str, tuple[int, str | None]] = {
    "ieuler": (1, None),
    "euler": (1, "euler"),
    "midpoint": (2, "midpoint"),
    "rk4": (4, "rk4"),
}
_ADAPTIVE = {"dopri5": 5, "tsit5": 5}
_Sensitivity = Literal["autograd", "adjoint", "interpolated_adjoint"]
# With a fixed step the adjoints keep the state at every point of the grid, by design.  With a controlled step
# the interpolated adjoint keeps every step.
_CLAIMS: dict[_Sensitivity, tuple[Adjoint, Memory, Memory]] = {
    "interpolated_adjoint": ("continuous", "linear", "linear"),
    "adjoint": ("continuous", "linear", "constant"),
    "autograd": ("discrete", "linear", "linear"),
}


class _Field(nn.Module):
    """A vector field with the signature that torchdyn calls."""

    def __init__(self, dynamics: nn.Module) -> None:
        super().__init__()
        self.dynamics = dynamics

    def forward(self, t: Tensor, x: Tensor, args: Any = None) -> Tensor:  # noqa: ARG002
        """Return f(t, x); torchdyn always passes `args`."""
        derivative: Tensor = self.dynamics(t, x)
        return derivative


def _times(ts: Tensor, y0: Tensor) -> Tensor:
    """Return times in the dtype of the state.

    In float64 they would make a float64 state of a float32 one.

    Raises
    ------
    ValueError
        If the dtype changes the length of the interval by more than it changes the state.
    """
    times, duration = ts.to(y0), float(ts[-1] - ts[0])
    if abs(float(times[-1] - times[0]) - duration) > torch.finfo(y0.dtype).eps * abs(duration):
        message = (
            f"{y0.dtype} does not represent the interval from {float(ts[0])} to {float(ts[-1])}; use a "
            f"float64 state, or shift it"
        )
        raise ValueError(message)
    return times


def _at_output_times(times: Tensor, states: Tensor, ts: Tensor) -> Tensor:
    """Return the states at output times: the interpolated adjoint returns those at all steps.

    Where time runs backwards, torchdyn returns negated times.
    """
    sign = 1.0 if bool(ts[-1] > ts[0]) else -1.0
    return states if len(times) == len(ts) else adapt.at_times(states, sign * times, ts)


def _fixed(solver: str, sensitivity: _Sensitivity | None, *, backward: str | None = None) -> TorchLayer:
    """Return the layer of a fixed-step solver; without a sensitivity, that of the functional odeint.

    `backward` is the solver of the adjoint equation, if it is another one.
    """
    order, tableau = _FIXED[solver]
    adjoint, memory, _ = _CLAIMS[sensitivity or "autograd"]

    def build(dynamics: nn.Module, ts: Tensor, n_steps: int) -> Callable[[Tensor], Tensor]:
        grid = adapt.grid_through(ts, n_steps)
        if sensitivity is None:
            field = _Field(dynamics)
            return lambda y0: adapt.at_times(odeint(field, y0, _times(grid, y0), solver)[1], grid, ts)
        model = NeuralODE(_Field(dynamics), solver=solver, sensitivity=sensitivity, solver_adjoint=backward)
        return lambda y0: adapt.at_times(model(y0, _times(grid, y0))[1], grid, ts)

    name = _name(solver, sensitivity, backward)
    return TorchLayer(
        name,
        build,
        order=order,
        adjoint=adjoint,
        memory=memory,
        tableau=tableau,
        expected_failures=expected_failures(name),
    )


def _adaptive(
    solver: str, sensitivity: _Sensitivity | None, *, backward: str | None = None, seminorm: bool = False
) -> TorchLayer:
    """Return the layer of an adaptive solver; without a sensitivity, that of the functional odeint.

    `backward` is the solver of the adjoint equation, if it is another one.  With `seminorm`, the error norm
    of the adjoint leaves out the gradients of the parameters.
    """
    order = _ADAPTIVE[solver]
    adjoint, _, memory = _CLAIMS[sensitivity or "autograd"]

    def build(dynamics: nn.Module, ts: Tensor, rtol: float, atol: float) -> Callable[[Tensor], Tensor]:
        if sensitivity is None:
            field = _Field(dynamics)
            return lambda y0: odeint(field, y0, _times(ts, y0), solver, atol=atol, rtol=rtol)[1]
        model = NeuralODE(
            _Field(dynamics),
            solver=solver,
            sensitivity=sensitivity,
            atol=atol,
            rtol=rtol,
            atol_adjoint=atol,
            rtol_adjoint=rtol,
            solver_adjoint=backward,
            seminorm=seminorm,
            return_t_eval=True,
        )

        def solve(y0: Tensor) -> Tensor:
            times, states = model(y0, _times(ts, y0))
            return _at_output_times(times, states, ts)

        return solve

    name = _name(f"seminorm-{solver}" if seminorm else solver, sensitivity, backward)
    return TorchLayer(
        name,
        build,
        order=order,
        adjoint=adjoint,
        memory=memory,
        expected_failures=expected_failures(name),
    )


def _name(solver: str, sensitivity: _Sensitivity | None, backward: str | None) -> str:
    return f"torchdyn-{sensitivity or 'odeint'}-{solver}" + (f"-adjoint_{backward}" if backward else "")


LAYERS: tuple[TorchLayer, ...] = (
    *(
        layer
        for sensitivity in (*_CLAIMS, None)
        for layer in (
            *(_fixed(solver, sensitivity) for solver in (_FIXED if sensitivity else ("rk4",))),
            *(_adaptive(solver, sensitivity) for solver in _ADAPTIVE),
        )
    ),
    _adaptive("dopri5", "adjoint", seminorm=True),
    _fixed("euler", "adjoint", backward="midpoint"),
    _adaptive("dopri5", "adjoint", backward="tsit5"),
)
