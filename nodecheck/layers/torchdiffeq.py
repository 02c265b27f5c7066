"""Layers made of torchdiffeq's odeint (backpropagation) and odeint_adjoint (continuous adjoint)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torchdiffeq
from torch import Tensor, nn

from nodecheck.layers.base import Adjoint, Memory, TorchLayer

_SOLVERS: dict[str, tuple[Callable[..., Tensor], Adjoint, Memory]] = {
    "odeint": (torchdiffeq.odeint, "discrete", "linear"),
    "odeint_adjoint": (torchdiffeq.odeint_adjoint, "continuous", "constant"),
}
# torchdiffeq's "rk4" is Kutta's 3/8 rule (torchdiffeq/_impl/rk_common.py, rk4_alt_step_func).
_FIXED_GRID = {"euler": (1, "euler"), "midpoint": (2, "midpoint"), "rk4": (4, "rk38")}


def _endpoints(t0: float, t1: float, y0: Tensor) -> Tensor:
    return torch.tensor([t0, t1], dtype=y0.dtype, device=y0.device)


def _grid(n_steps: int) -> Callable[..., Tensor]:
    """Return a grid constructor for exactly `n_steps` equal steps, whichever way time runs.

    The option step_size would be shorter, but the number of steps then is a rounded quotient: for
    (t1 - t0) / step_size a hair above n_steps it makes a step more, as short as the rounding error.
    """

    def grid(_func: object, _y0: Tensor, t: Tensor) -> Tensor:
        return torch.linspace(float(t[0]), float(t[-1]), n_steps + 1, dtype=t.dtype, device=t.device)

    return grid


def _fixed(function: str, method: str) -> TorchLayer:
    solve, adjoint, memory = _SOLVERS[function]
    order, tableau = _FIXED_GRID[method]

    def build(dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> Callable[[Tensor], Tensor]:
        options = {"grid_constructor": _grid(n_steps)}
        return lambda y0: solve(dynamics, y0, _endpoints(t0, t1, y0), method=method, options=options)[-1]

    name = f"torchdiffeq-{function}-{method}"
    return TorchLayer(name, build, order=order, adjoint=adjoint, memory=memory, tableau=tableau)


def _adaptive(function: str, method: str, order: int) -> TorchLayer:
    solve, adjoint, memory = _SOLVERS[function]

    def build(dynamics: nn.Module, t0: float, t1: float, tol: float) -> Callable[[Tensor], Tensor]:
        options: dict[str, Any] = {"method": method, "rtol": tol, "atol": tol}
        return lambda y0: solve(dynamics, y0, _endpoints(t0, t1, y0), **options)[-1]

    return TorchLayer(f"torchdiffeq-{function}-{method}", build, order=order, adjoint=adjoint, memory=memory)


LAYERS: tuple[TorchLayer, ...] = tuple(
    layer
    for function in _SOLVERS
    for layer in (*(_fixed(function, method) for method in _FIXED_GRID), _adaptive(function, "dopri5", 5))
)
