"""Levels: the ladder over which memory is measured, and what it is a function of."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import torch

from nodecheck.backends.torch.memory.wide import WIDTHS, WideUse, wide
from nodecheck.layers import TorchLayer
from nodecheck.numerics import EPS_FLOAT32
from nodecheck.problems import Problem
from nodecheck.results import Inconclusive

# Squares: a scheme with √n segments of √n steps then has no segment that is shorter than the others, and
# its counts no jitter.  For adaptive layers the same numbers are lengths of the interval, in units of so much
# time as takes the layer one and a half evaluations: with this every layer costs about the same.
LADDER = (4, 9, 16, 25, 36, 64, 100, 144, 256, 576, 1296, 2304, 5184, 10_000)
# For a first look: on these levels √n rises by five, and what lies between log n and n is still told apart by
# counts that rise by a few states for each of them (see the tests).
SHORT_LADDER = (1, 4, 9, 16, 25, 36)
# Steps must follow from the length of the interval; how exactly they are placed does not matter.
_LOOSE_TOLERANCE = 10.0**-3
_EVALUATIONS_PER_LEVEL = 1.5
# Error estimate, control of the step, interpolation: an adaptive layer takes about twice the time for an
# evaluation.
_COST_OF_ADAPTIVITY = 2
# What is kept for each pass does not depend on the number of steps; two have one that follows another.
_FEW = 2
# Controllers settle within the first few steps, and steps are rejected only until then: levels start behind.
_START_UP = 4
# Two intervals, of one turn and of two, say how many evaluations a unit of time takes.
_PILOTS = (2 * math.pi, 4 * math.pi)


def at_level(layer: TorchLayer, level: int, width: int) -> tuple[Problem, float]:
    """Return the problem and the resolution of a level: so many steps, or an interval so long."""
    if not layer.adaptive:
        return wide(width), level
    return wide(width, work(layer, level) * _time_of_a_level(layer)), _LOOSE_TOLERANCE


def work(layer: TorchLayer, level: int) -> int:
    """Return what a level costs, in steps or in units of the interval."""
    return _START_UP + level if layer.adaptive else level


def few_steps(layer: TorchLayer, width: int) -> tuple[Problem, float]:
    """Return a problem and a resolution at which the layer takes one step or a few."""
    if not layer.adaptive:
        return wide(width), _FEW
    return wide(width, _FEW * _time_of_a_level(layer)), _LOOSE_TOLERANCE


def cost_of_an_evaluation(layer: TorchLayer) -> int:
    """Return what an evaluation costs a layer, beside one by a fixed-step layer."""
    return _COST_OF_ADAPTIVITY if layer.adaptive else 1


@functools.lru_cache(maxsize=1)  # one layer is looked at after the other, many times each
def _time_of_a_level(layer: TorchLayer) -> float:
    """Return the length of the interval by which an adaptive layer takes the evaluations of a level more."""
    few, many = (_evaluations(layer, duration) for duration in _PILOTS)
    per_time = (many - few) / (_PILOTS[1] - _PILOTS[0])
    return _EVALUATIONS_PER_LEVEL / max(per_time, 1.0)  # a layer whose steps do not follow is found out later


def _evaluations(layer: TorchLayer, duration: float) -> int:
    use = WideUse(layer, wide(WIDTHS[0], duration), _LOOSE_TOLERANCE)
    with torch.no_grad():
        use.forward()
    return len(use.dynamics.trace.calls)


def abscissa(
    layer: TorchLayer, ladder: Sequence[int], evaluations: Sequence[int], times: Sequence[Sequence[float]]
) -> tuple[tuple[float, ...], str]:
    """Return steps where evaluations are an affine function of them, else evaluations that were kept.

    `evaluations` counts those of the forward pass at each level, and `times` says when they were.

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

    A step that is kept passes a fixed number of times, whatever was tried before it.  How many evaluations
    that costs is read off where levels differ by the fewest: there nothing, or least, was rejected.
    """
    rates = [
        (e1 - e0) / (p1 - p0)
        for (e0, p0), (e1, p1) in itertools.pairwise(zip(evaluations, passed, strict=True))
        if p1 > p0
    ]
    return tuple(evaluations[0] + min(rates) * (p - passed[0]) for p in passed)


def _times_passed(times: Sequence[float]) -> int:
    """Return how many times were passed for good: no evaluation at an earlier time follows.

    What a rejected step has evaluated lies ahead of where the next attempt begins, so it does not count.
    """
    count, following, apart = 0, math.inf, EPS_FLOAT32 * max(map(abs, times), default=0.0)
    for t in reversed(times):
        if t < following - apart:
            count, following = count + 1, t
    return count
