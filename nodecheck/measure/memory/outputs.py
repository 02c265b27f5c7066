"""States that each output time costs, apart from those that steps cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from nodecheck.layers import LayerUnderTest, Solve
from nodecheck.measure.memory.ladder import memory_widths
from nodecheck.measure.memory.pass_memory import PassMemory, measure_pass
from nodecheck.numerics.constants import FLOOR_IN_STATES, OUTPUT_MEMORY_STEPS, OUTPUT_MEMORY_TIMES
from nodecheck.numerics.growth import states_held
from nodecheck.problems import wide
from nodecheck.results import Measurement, at_most

# Where each part between two outputs has segments of its own, √n or log n of them, an output costs that many.
_GROWTH: Mapping[str, Callable[[float], float]] = MappingProxyType({"sqrt": math.sqrt, "log": math.log})


def states_per_output(layer: LayerUnderTest, *, live: bool) -> tuple[float, float]:
    """Return the states that an output time costs at few and at many steps.

    The number of steps is held fixed while outputs are added, each where a step ends anyway, so that no step
    is added.  Counted is what is kept between the passes, with `live` wherever it is kept, else what autograd
    saves.  The peak in a pass is no measure of it: with more outputs, parts and their segments are shorter.
    """
    first, last = OUTPUT_MEMORY_TIMES

    def cost(n_steps: int) -> float:
        more = _states(layer, n_steps, last, live=live) - _states(layer, n_steps, first, live=live)
        return more / (last - first)

    few, many = map(cost, OUTPUT_MEMORY_STEPS)
    return few, many


def judge_outputs(claim: str, few: float, many: float) -> Measurement:
    """Return by how much an output costs more at many steps than at few, beyond what a claim allows."""
    coarse, fine = OUTPUT_MEMORY_STEPS
    allowed = max(0.0, few)
    if claim in _GROWTH:
        allowed *= _GROWTH[claim](fine) / _GROWTH[claim](coarse)
    name = f"states that each output costs more at {fine} steps than at {coarse}"
    return at_most(name, many - allowed, FLOOR_IN_STATES, "states")


def _states(layer: LayerUnderTest, n_steps: int, times: int, *, live: bool) -> float:
    """Return the states that a layer holds in one pass with so many steps and output times."""
    shares = [k / (times - 1) for k in range(1, times - 1)]

    def measured(width: int) -> PassMemory:
        problem = layer.counterpart(wide(width).at_shares(*shares, name=f"wide_at_{times}_outputs"))
        return measure_pass(layer, Solve(problem, n_steps), live=live)

    passes = [measured(width) for width in memory_widths(layer)]
    return states_held([one.state_bytes for one in passes], [_kept(one) for one in passes])


def _kept(one: PassMemory) -> float:
    """Return the bytes that are alive between the passes, or where only hooks were used, those saved."""
    return (one.saved if one.held is None else one.held) or 0.0
