"""The reference implementation `ODELayer` as layers under test, which have to pass every check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from torch import Tensor, nn

from nodecheck.layers import Adjoint, TorchLayer
from nodecheck.layers.layer import (
    AUTOCAST,
    COMPLEX,
    COMPUTED_PARAMETERS,
    DOUBLE_BACKWARD,
    MEMBER_TIMES,
    OF_PARAMETERS,
    TIME_GRADIENTS,
    Memory,
)

_ORDERS = {"euler": 1, "heun": 2, "ralston3": 3, "rk4": 4}
_PAIRS = {"heun": 2, "bosh3": 3, "dopri5": 5}
_Mode = Literal["continuous", "discrete", "checkpointed", "reversible"]
_CLAIMS: Mapping[_Mode, tuple[Adjoint, Memory]] = MappingProxyType(
    {
        "continuous": ("continuous", "constant"),
        "discrete": ("discrete", "linear"),
        "checkpointed": ("discrete", "sqrt"),
        "reversible": ("discrete", "constant"),
    }
)
# Backpropagation may be differentiated again; a reversible step has no gradient with respect to times.
_FURTHER: Mapping[_Mode, tuple[str, ...]] = MappingProxyType(
    {
        "continuous": (TIME_GRADIENTS,),
        "discrete": (DOUBLE_BACKWARD, TIME_GRADIENTS),
        "checkpointed": (DOUBLE_BACKWARD, TIME_GRADIENTS),
        "reversible": (),
    }
)


def _layer(solver: str, mode: _Mode) -> TorchLayer:
    """Return the ODELayer with one solver and one adjoint."""

    def build(dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> Callable[[Tensor], Tensor]:
        from nodecheck.neural_ode import ODELayer

        layer: Callable[[Tensor], Tensor] = ODELayer(dynamics, t0, t1, n_steps, solver=solver, adjoint=mode)
        return layer

    return _claimed(f"odelayer-{solver}-{mode}", build, solver, mode, MEMBER_TIMES)


def _with_outputs(solver: str, mode: _Mode) -> TorchLayer:
    """Return the ODELayer that is asked for the states at output times."""

    def build(dynamics: nn.Module, ts: Tensor, n_steps: int) -> Callable[[Tensor], Tensor]:
        from nodecheck.neural_ode import ODELayer

        layer = ODELayer(dynamics, ts[0], ts[-1], n_steps, solver=solver, adjoint=mode)
        return lambda y0: layer.solve(y0, ts)

    return _claimed(f"odelayer-{solver}-{mode}-outputs", build, solver, mode)


def _claimed(
    name: str, build: Callable[..., Callable[[Tensor], Tensor]], solver: str, mode: _Mode, *further: str
) -> TorchLayer:
    """Return the layer with the claims of its solver and its adjoint."""
    adjoint, memory = _CLAIMS[mode]
    return TorchLayer(
        name,
        build,
        order=_ORDERS[solver],
        adjoint=adjoint,
        memory=memory,
        supports=(*OF_PARAMETERS, COMPUTED_PARAMETERS, COMPLEX, AUTOCAST, *_FURTHER[mode], *further),
        tableau=None if mode == "reversible" else solver,  # a step of that scheme is not one of the tableau
    )


def _adaptive(solver: str, mode: _Mode) -> TorchLayer:
    """Return the ODELayer that controls its steps, with one pair and one adjoint."""

    def build(dynamics: nn.Module, ts: Tensor, rtol: float, atol: float) -> Callable[[Tensor], Tensor]:
        from nodecheck.neural_ode import ODELayer

        layer = ODELayer(dynamics, ts[0], ts[-1], rtol=rtol, atol=atol, solver=solver, adjoint=mode)
        return lambda y0: layer.solve(y0, ts)

    adjoint, memory = _CLAIMS[mode]
    return TorchLayer(
        f"odelayer-{solver}-adaptive-{mode}",
        build,
        order=_PAIRS[solver],
        adjoint=adjoint,
        memory=memory,
        supports=(*OF_PARAMETERS, COMPLEX, AUTOCAST, *_FURTHER[mode]),
    )


LAYERS: tuple[TorchLayer, ...] = (
    *(_layer(solver, "continuous") for solver in _ORDERS),
    *(_layer(solver, "discrete") for solver in _ORDERS),
    _layer("rk4", "checkpointed"),
    _layer("heun", "reversible"),
    _with_outputs("rk4", "continuous"),
    _with_outputs("rk4", "discrete"),
    _with_outputs("heun", "checkpointed"),
    _with_outputs("heun", "reversible"),
    _adaptive("dopri5", "continuous"),
    _adaptive("dopri5", "discrete"),
    _adaptive("dopri5", "checkpointed"),
    _adaptive("bosh3", "continuous"),
    _adaptive("heun", "checkpointed"),
)
