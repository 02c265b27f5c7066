"""Layers made of torchdiffeq's odeint (backpropagation) and odeint_adjoint (continuous adjoint).

All solvers of torchdiffeq 0.2.5 are included, with two exceptions.  `fixed_adams` is another name of
`implicit_adams`.  `scipy_solver` computes in NumPy, so that only the adjoint has a gradient.  Options are
tried on one solver each: a step size in place of a grid, limits of the step, other norms, and tolerances,
parameters and a method of the adjoint's own.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as Q
from typing import Any

import torchdiffeq
from torch import Tensor, nn

from nodecheck import adapt
from nodecheck.layers import Adjoint, TorchLayer
from nodecheck.layers.layer import Memory
from nodecheck.numerics.constants import EPS
from nodecheck.numerics.tableau import ButcherTableau
from nodecheck.targets.known_failures import expected_failures

_HEUN3 = ButcherTableau(
    name="heun3",
    order=3,
    a=((), (Q(1, 3),), (Q(0), Q(2, 3))),
    b=(Q(1, 4), Q(0), Q(3, 4)),
    c=(Q(0), Q(1, 3), Q(2, 3)),
    cite="Heun (1900): the third-order method",
)
_SOLVERS: dict[str, tuple[Callable[..., Tensor], Adjoint, Memory]] = {
    "odeint": (torchdiffeq.odeint, "discrete", "linear"),
    "odeint_adjoint": (torchdiffeq.odeint_adjoint, "continuous", "constant"),
}
# The orders are those of the classes in torchdiffeq/_impl, except for the Adams methods: their classes say 4.
# They start with three steps of "rk4", whose local error h^5 remains when the order has risen.  "rk4" is
# Kutta's 3/8 rule (rk_common.py, rk4_alt_step_func).
_FIXED_GRID: dict[str, tuple[int, ButcherTableau | str | None]] = {
    "euler": (1, "euler"),
    "midpoint": (2, "midpoint"),
    "heun2": (2, "heun"),
    "heun3": (3, _HEUN3),
    "rk4": (4, "rk38"),
    "explicit_adams": (5, None),
    "implicit_adams": (5, None),
}
_ADAPTIVE = {"adaptive_heun": 2, "fehlberg2": 2, "bosh3": 3, "dopri5": 5, "dopri8": 8}


def _duration(ts: Tensor) -> float:
    return abs(float(ts[-1]) - float(ts[0]))


def _grid(n_steps: int, duration: float) -> Callable[..., Tensor]:
    """Return a grid constructor with a step that ends at each output time, in either direction of time.

    The option step_size would need less code, but then the number of steps is a rounded quotient.  Where
    (t1 - t0) / step_size is just above n_steps, it takes one more step, as short as the rounding error.
    """
    return lambda _func, _y0, t: adapt.grid_through(t, n_steps, duration=duration).to(t)


def _fixed(function: str, method: str, *, backward: str = "") -> TorchLayer:
    """Return the layer of a fixed-step solver, with another method for the backward pass if one is named."""
    solve, adjoint, memory = _SOLVERS[function]
    order, tableau = _FIXED_GRID[method]

    def build(dynamics: nn.Module, ts: Tensor, n_steps: int) -> Callable[[Tensor], Tensor]:
        grid = {"grid_constructor": _grid(n_steps, _duration(ts))}
        options: dict[str, Any] = {"method": method, "options": grid}
        if backward:
            options |= {"adjoint_method": backward, "adjoint_options": grid}
        return lambda y0: solve(dynamics, y0, ts, **options)

    name = f"torchdiffeq-{function}-{method}" + (f"-adjoint_{backward}" if backward else "")
    return TorchLayer(
        name,
        build,
        order=order,
        adjoint=adjoint,
        memory=memory,
        tableau=tableau,
        expected_failures=expected_failures(name),
    )


def _adaptive(function: str, method: str, order: int, **solver: str) -> TorchLayer:
    """Return the layer of an adaptive solver."""
    solve, adjoint, memory = _SOLVERS[function]

    def build(dynamics: nn.Module, ts: Tensor, rtol: float, atol: float) -> Callable[[Tensor], Tensor]:
        options: dict[str, Any] = {"method": method, "rtol": rtol, "atol": atol}
        if solver:
            options["options"] = dict(solver)
        return lambda y0: solve(dynamics, y0, ts, **options)

    name = "-".join(["torchdiffeq", function, method, *solver.values()])
    return TorchLayer(
        name,
        build,
        order=order,
        adjoint=adjoint,
        memory=memory,
        expected_failures=expected_failures(name),
    )


def _by_step_size(function: str, method: str, **interpolation: str) -> TorchLayer:
    """Return the layer of a fixed-step solver that is given the size of its steps and not a grid.

    Between steps it interpolates linearly, or in the way named by `interp`.
    """
    solve, adjoint, memory = _SOLVERS[function]
    order, tableau = _FIXED_GRID[method]

    def build(dynamics: nn.Module, ts: Tensor, n_steps: int) -> Callable[[Tensor], Tensor]:
        # Longer than the quotient by the rounding of n additions: see `_grid`.  Time runs forwards inside.
        options = {"step_size": _duration(ts) / n_steps * (1 + n_steps * EPS), **interpolation}
        return lambda y0: solve(dynamics, y0, ts, method=method, options=options)

    name = "-".join(["torchdiffeq", function, method, "step_size", *interpolation.values()])
    return TorchLayer(
        name,
        build,
        order=order,
        adjoint=adjoint,
        memory=memory,
        tableau=tableau,
        expected_failures=expected_failures(name),
    )


def _largest(tensor: Tensor) -> Tensor:
    return tensor.abs().max()


def _limited(duration: float) -> dict[str, Any]:
    """Return options of both passes: another norm, a first and a largest step."""
    return {"norm": _largest, "first_step": duration / 16, "max_step": duration / 4}


def _with_options(name: str, *, limited: bool = False, **backward: Any) -> TorchLayer:
    """Return the layer of the adjoint of dopri5 with options, its parameters and tolerances given."""

    def build(dynamics: nn.Module, ts: Tensor, rtol: float, atol: float) -> Callable[[Tensor], Tensor]:
        forward: dict[str, Any] = {"method": "dopri5", "rtol": rtol, "atol": atol}
        if limited:
            forward["options"] = _limited(_duration(ts))
        alone = {"adjoint_rtol": rtol, "adjoint_atol": atol, "adjoint_params": tuple(dynamics.parameters())}
        return lambda y0: torchdiffeq.odeint_adjoint(dynamics, y0, ts, **forward, **alone, **backward)

    full_name = f"torchdiffeq-odeint_adjoint-dopri5-{name}"
    return TorchLayer(
        full_name,
        build,
        order=5,
        adjoint="continuous",
        memory="constant",
        expected_failures=expected_failures(full_name),
    )


LAYERS: tuple[TorchLayer, ...] = (
    *(
        layer
        for function in _SOLVERS
        for layer in (
            *(_fixed(function, method) for method in _FIXED_GRID),
            *(_adaptive(function, method, order) for method, order in _ADAPTIVE.items()),
        )
    ),
    _adaptive("odeint_adjoint", "scipy_solver", 5, solver="RK45"),
    _by_step_size("odeint_adjoint", "rk4"),
    _by_step_size("odeint", "rk4", interp="cubic"),
    _fixed("odeint_adjoint", "midpoint", backward="rk4"),
    _with_options("adjoint_bosh3", adjoint_method="bosh3"),
    _with_options("adjoint_adaptive_heun", adjoint_method="adaptive_heun"),
    _with_options("seminorm", adjoint_options={"norm": "seminorm"}),
    _with_options("limited", limited=True),
)
