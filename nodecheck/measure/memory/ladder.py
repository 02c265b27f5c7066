"""The ladder over which memory is measured, and the number that it is a function of."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from nodecheck.layers import LayerUnderTest, Solve
from nodecheck.numerics.constants import (
    COST_OF_ADAPTIVITY,
    EPS_FLOAT32,
    EVALUATIONS_PER_LEVEL,
    FEW_STEPS_OF_A_PASS,
    LOG_DET_MEMORY_WIDTHS,
    MEMORY_TOLERANCE,
    MEMORY_WIDTHS,
    PILOT_INTERVALS,
    START_UP_STEPS,
)
from nodecheck.problems import Problem, wide
from nodecheck.results import Inconclusive


def memory_widths(layer: LayerUnderTest) -> tuple[int, int]:
    """Return the numbers of components of the two states, of which the second is twice the first."""
    return LOG_DET_MEMORY_WIDTHS if layer.returns_log_det else MEMORY_WIDTHS


def at_level(layer: LayerUnderTest, level: int, width: int, device: str = "cpu") -> Solve:
    """Return the solve of a level: so many steps, or an interval so long."""
    if not layer.adaptive:
        return Solve(_wide(layer, width), level, device=device)
    duration = work(layer, level) * _time_of_a_level(layer)
    return Solve(_wide(layer, width, duration), MEMORY_TOLERANCE, device=device)


def _wide(layer: LayerUnderTest, width: int, duration: float = 1.0) -> Problem:
    """Return the wide problem as the layer is asked for it."""
    return layer.counterpart(wide(width, duration))


def work(layer: LayerUnderTest, level: int) -> int:
    """Return the cost of a level, in steps or in units of the interval."""
    return START_UP_STEPS + level if layer.adaptive else level


def few_steps(layer: LayerUnderTest, width: int) -> Solve:
    """Return a solve for which the layer takes one step or a few."""
    if not layer.adaptive:
        return Solve(_wide(layer, width), FEW_STEPS_OF_A_PASS)
    return Solve(_wide(layer, width, FEW_STEPS_OF_A_PASS * _time_of_a_level(layer)), MEMORY_TOLERANCE)


def cost_of_an_evaluation(layer: LayerUnderTest) -> int:
    """Return the cost of an evaluation by a layer, in evaluations by a fixed-step layer."""
    return COST_OF_ADAPTIVITY if layer.adaptive else 1


def _time_of_a_level(layer: LayerUnderTest) -> float:
    """Return the length of the interval by which an adaptive layer takes the evaluations of a level more."""

    def measured() -> float:
        few, many = (layer.fresh(_pilot(layer, duration)).evaluations for duration in PILOT_INTERVALS)
        per_time = (many - few) / (PILOT_INTERVALS[1] - PILOT_INTERVALS[0])
        return EVALUATIONS_PER_LEVEL / max(per_time, 1.0)  # steps that do not follow are found out later

    return layer.once("time of a level", measured)


def _pilot(layer: LayerUnderTest, duration: float) -> Solve:
    return Solve(_wide(layer, memory_widths(layer)[0], duration), MEMORY_TOLERANCE)


def abscissa(
    layer: LayerUnderTest,
    ladder: Sequence[int],
    evaluations: Sequence[int],
    times: Sequence[Sequence[float]],
) -> tuple[tuple[float, ...], str]:
    """Return steps where evaluations are an affine function of them, else evaluations that were kept.

    `evaluations` counts those of the forward pass at each level, and `times` are their times.

    Raises
    ------
    Inconclusive
        If asking for more steps does not make the layer take more, or it does not evaluate the field at all.
    """
    middle = (len(ladder) - 1) // 2
    if evaluations[-1] <= evaluations[middle]:
        message = (
            f"the number of steps cannot be changed: asked for {ladder[middle]} and for {ladder[-1]}, "
            f"the layer evaluates the field {evaluations[middle]} and {evaluations[-1]} times"
        )
        raise Inconclusive(message)
    if not min(evaluations):
        message = (
            f"at the levels {', '.join(map(str, ladder))} the layer evaluates the field "
            f"{', '.join(map(str, evaluations))} times: where it does not, there is nothing to count"
        )
        raise Inconclusive(message)
    first, per_step = evaluations[0], (evaluations[1] - evaluations[0]) / (ladder[1] - ladder[0])
    affine = all(e == first + per_step * (n - ladder[0]) for n, e in zip(ladder, evaluations, strict=True))
    if affine and not layer.adaptive:
        return tuple(map(float, ladder)), "steps"
    passed = [_times_passed(t) for t in times]
    if layer.adaptive and passed[-1] > passed[0]:  # else times have no value, as inside vmap
        return kept_evaluations(evaluations, passed), "evaluations"
    return tuple(map(float, evaluations)), "evaluations"


def kept_evaluations(evaluations: Sequence[int], passed: Sequence[int]) -> tuple[float, ...]:
    """Return the evaluations of the field without those of steps that were rejected.

    A step that is kept passes a fixed number of times, whatever was tried before it.  The evaluations that it
    costs are read off where levels differ by the fewest: there nothing, or least, was rejected.
    """
    rates = [
        (e1 - e0) / (p1 - p0)
        for (e0, p0), (e1, p1) in itertools.pairwise(zip(evaluations, passed, strict=True))
        if p1 > p0
    ]
    return tuple(evaluations[0] + min(rates) * (p - passed[0]) for p in passed)


def _times_passed(times: Sequence[float]) -> int:
    """Return the number of times that were passed for good: no evaluation at an earlier time follows.

    The evaluations of a rejected step lie ahead of the start of the next attempt, so they do not count.
    """
    count, following, apart = 0, math.inf, EPS_FLOAT32 * max(map(abs, times), default=0.0)
    for t in reversed(times):
        if t < following - apart:
            count, following = count + 1, t
    return count
