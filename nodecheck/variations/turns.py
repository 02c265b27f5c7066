"""A field that uses some of its parameters in the first half of the interval and others in the second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nodecheck.layers import Array, LayerUnderTest, Refusal, Solve, attempt, largest_entry
from nodecheck.numerics import roundoff
from nodecheck.numerics.constants import RUNAWAY_FACTOR
from nodecheck.problems import Problem, group_of
from nodecheck.results import Measurement, at_most
from nodecheck.variations.comparison import distance, usual_resolution
from nodecheck.variations.modules import LATE_TURN


def judge_turns(
    layer: LayerUnderTest, problem: Problem, cotangent: Array
) -> tuple[tuple[Measurement, ...], str]:
    """Return how many parameters of either half get no gradient, and a sentence about it.

    The parameters of the two halves have the same values, so the sum of their gradients is right even where
    all of it arrives at one of them.  Each has a part in it.  How large that is depends on the method, as
    steps and stages at the middle count for either half: it must not be zero.  Nothing is measured of a
    layer that refuses such a field.
    """
    plain = Solve(problem, usual_resolution(layer))
    whole = layer.solution(plain, (cotangent,))
    limit = RUNAWAY_FACTOR * whole.all_evaluations
    late = attempt(
        lambda: layer.fresh(Solve(problem, plain.resolution, variation=LATE_TURN, limit=limit), (cotangent,))
    )
    if isinstance(late, Refusal):
        return (), ""
    widest = max(value.size for value in problem.params.values())
    rounding = roundoff(whole.all_evaluations * widest)
    halves = {
        name: _without_gradient(late.gradients[group_of(name)], whole.gradients[group_of(name)], rounding)
        for name in problem.params
    }
    without = {
        half: [name for name, found in halves.items() if found == half] for half in ("first", "second")
    }
    count = sum(map(len, without.values()))
    measurement = at_most("parameters of half of the interval without a gradient", count, 0)
    return (measurement,), _explain(without) if count else ""


def _without_gradient(late: Array | None, total: Array | None, rounding: float) -> str:
    """Return the half of which the parameter gets no gradient; "" if both do, or neither in plain use."""
    if not largest_entry(total):
        return ""
    if not largest_entry(late):
        return "second"
    return "first" if distance(late, total) <= rounding * largest_entry(total) else ""


def _explain(without: Mapping[str, Sequence[str]]) -> str:
    missing = " and ".join(
        f"{', '.join(names)} of the {half} half" for half, names in without.items() if names
    )
    return (
        f"Where the field chooses its parameters by time, no gradient arrives at {missing}: all of it is "
        "at those of the other half. A graph that is recorded once has one branch of the field: run the "
        "field itself at every evaluation."
    )
