"""Layers made of torchode: one step size per batch member, gradient by backpropagation or by backsolve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torchode
from torch import Tensor, nn

from nodecheck.layers.base import TorchLayer

_METHODS: dict[str, Any] = {"dopri5": torchode.Dopri5, "tsit5": torchode.Tsit5}


def _autodiff(_term: Any, method: Any, controller: Any) -> Any:
    return torchode.AutoDiffAdjoint(method, controller)


def _backsolve(term: Any, method: Any, controller: Any) -> Any:
    return torchode.BacksolveAdjoint(term, method, controller)


def _build(adjoint: Callable[..., Any], method: str) -> Callable[..., Callable[[Tensor], Tensor]]:
    """Return the `build` of an adaptive layer with one adjoint and one Runge-Kutta pair."""

    def build(dynamics: nn.Module, t0: float, t1: float, tol: float) -> Callable[[Tensor], Tensor]:
        term = torchode.ODETerm(dynamics)
        controller = torchode.IntegralController(atol=tol, rtol=tol, term=term)
        solver = adjoint(term, _METHODS[method](term=term), controller)

        def solve(y0: Tensor) -> Tensor:
            times = torch.tensor([t0, t1], dtype=y0.dtype, device=y0.device).expand(len(y0), 2)
            problem = torchode.InitialValueProblem(y0, times[:, 0], times[:, 1], times)
            y1: Tensor = solver.solve(problem, term).ys[:, -1]
            return y1

        return solve

    return build


def _layer(adjoint: str, method: str) -> TorchLayer:
    name = f"torchode-{adjoint}-{method}"
    if adjoint == "autodiff":
        build = _build(_autodiff, method)
        return TorchLayer(name, build, order=5, adjoint="discrete", memory="linear")
    build = _build(_backsolve, method)
    return TorchLayer(name, build, order=5, adjoint="continuous", memory="constant")


LAYERS: tuple[TorchLayer, ...] = tuple(
    _layer(adjoint, method) for adjoint in ("autodiff", "backsolve") for method in _METHODS
)
