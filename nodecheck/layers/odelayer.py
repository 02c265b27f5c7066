"""nodecheck's own reference implementation as layers under test: it has to pass its own checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from nodecheck.layers.base import Adjoint, Memory, TorchLayer

_ORDERS = {"euler": 1, "heun": 2, "ralston3": 3, "rk4": 4}
_MEMORY: dict[Adjoint, Memory] = {"continuous": "constant", "discrete": "linear"}


def _layer(solver: str, order: int, adjoint: Adjoint) -> TorchLayer:
    """Return the ODELayer with one solver and one adjoint."""

    def build(dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> Callable[[Tensor], Tensor]:
        from nodecheck.neural_ode import ODELayer

        options: dict[str, Any] = {"solver": solver, "adjoint": adjoint}
        layer: Callable[[Tensor], Tensor] = ODELayer(dynamics, t0, t1, n_steps, **options)
        return layer

    return TorchLayer(
        f"odelayer-{solver}-{adjoint}",
        build,
        order=order,
        adjoint=adjoint,
        memory=_MEMORY[adjoint],
        tableau=solver,
    )


LAYERS: tuple[TorchLayer, ...] = tuple(
    _layer(solver, order, adjoint) for adjoint in _MEMORY for solver, order in _ORDERS.items()
)
