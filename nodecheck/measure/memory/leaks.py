"""States that further uses of a layer leave behind, beside a control."""

from __future__ import annotations

from typing import Any

import numpy as np

from nodecheck.layers import Gain, LayerUnderTest, Solve
from nodecheck.layers.layer import TorchLayer
from nodecheck.measure.budget import budget, unless_out_of_memory
from nodecheck.measure.memory.ladder import few_steps, memory_widths
from nodecheck.numerics.constants import LEAK_USES, LEAK_WARM_UP_USES, MEMORY_WIDTHS
from nodecheck.results import Inconclusive

# Without a backward pass, with one, and those in which arrays are counted.
_USES = 2 * (LEAK_WARM_UP_USES + LEAK_USES) + 2 * LEAK_WARM_UP_USES


def _field_once(dynamics: Any, t0: float, _t1: float, n_steps: int) -> Any:  # noqa: ARG001
    """Build the control: the field, evaluated once, in place of a layer."""
    return lambda y0: y0 + dynamics(t0, y0)


_CONTROL = TorchLayer("control", _field_once)


def control_gains(layer: LayerUnderTest) -> tuple[Gain, ...]:
    """Return the gains of a loop around the bare field: the noise of the instrument."""
    control = LayerUnderTest(
        _CONTROL, layer.profile, layer.seed, layer.backend, device=layer.device, dtype=layer.dtype
    )
    return _gains(control, few_steps(control, MEMORY_WIDTHS[-1]))[:-1]


def gains_of(layer: LayerUnderTest) -> tuple[Gain, ...]:
    """Return the gains of tensors and of arrays with each use.

    Raises
    ------
    Inconclusive
        If so many uses do not fit into the budget of time, or memory runs out.
    """

    def measured() -> tuple[Gain, ...]:
        solve = few_steps(layer, memory_widths(layer)[-1])
        _require_time(layer, solve, budget(layer.profile))
        return _gains(layer, solve)

    return unless_out_of_memory(layer, measured, memory_widths(layer)[-1])


def _gains(layer: LayerUnderTest, solve: Solve) -> tuple[Gain, ...]:
    readings = layer.fresh(solve, (np.ones_like(solve.problem.y0),), instruments=("leaks",)).readings
    assert readings is not None
    return readings.gains


def _require_time(layer: LayerUnderTest, solve: Solve, seconds: float) -> None:
    readings = layer.fresh(solve, (np.ones_like(solve.problem.y0),), instruments=("seconds",)).readings
    taken = readings.wall_seconds if readings is not None else None
    if taken is not None and _USES * taken > seconds:
        message = (
            f"one pass of a few steps takes {taken:.2g} seconds: a slope of what is kept needs {_USES} "
            f"passes, which do not fit into {seconds:.2g} seconds"
        )
        raise Inconclusive(message)
