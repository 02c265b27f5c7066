"""A field that uses some of its parameters in the first half of the interval and others in the second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nodecheck.layers import Array, LayerUnderTest, Refusal, Solve, attempt, largest_entry
from nodecheck.measure.runaway import limit_beside
from nodecheck.numerics.constants import (
    COMPARED_TOLERANCE,
    LARGEST_MISPLACED_SHARE,
    TIGHTER_TOLERANCES,
    TURN_STEPS,
)
from nodecheck.problems import Problem, group_of
from nodecheck.reference import sensitivity, trajectory
from nodecheck.results import Measurement, at_most
from nodecheck.variations.comparison import distance, usual_resolution
from nodecheck.variations.modules import LATE_TURN


def judge_turns(
    layer: LayerUnderTest, problem: Problem, cotangent: Array
) -> tuple[tuple[Measurement, ...], str]:
    """Return how many parameters of either half get no gradient, and a sentence about it.

    The parameters of the two halves have the same values, so the sum of their gradients is right even where
    all of it arrives at one of them.  Each has a part in it.  How large that is depends on the method, as
    steps and stages at the middle count for either half: in a few steps it must not be zero, and in many it
    must be near the exact part.  Nothing is measured of a layer that refuses such a field.
    """
    plain = Solve(problem, usual_resolution(layer))
    whole = layer.solution(plain, (cotangent,))
    limit = limit_beside(whole)
    late = attempt(
        lambda: layer.fresh(Solve(problem, plain.resolution, variation=LATE_TURN, limit=limit), (cotangent,))
    )
    if isinstance(late, Refusal):
        return (), ""
    widest = max(value.size for value in problem.params.values())
    rounding = layer.roundoff(whole.all_evaluations * widest)
    halves = {
        name: _without_gradient(late.gradients[group_of(name)], whole.gradients[group_of(name)], rounding)
        for name in problem.params
    }
    without = {
        half: [name for name, found in halves.items() if found == half] for half in ("first", "second")
    }
    count = sum(map(len, without.values()))
    measurement = at_most("parameters of half of the interval without a gradient", count, 0)
    if count:
        return (measurement,), _explain(without)
    placed, text = _judge_shares(layer, problem, cotangent, _resolutions(layer))
    return (measurement, *placed), text


def _resolutions(layer: LayerUnderTest) -> tuple[float, ...]:
    """Return a resolution, and for an adaptive layer a tighter one where its steps are too long to tell."""
    return (COMPARED_TOLERANCE, TIGHTER_TOLERANCES[1]) if layer.adaptive else (TURN_STEPS,)


def _judge_shares(
    layer: LayerUnderTest, problem: Problem, cotangent: Array, resolutions: Sequence[float]
) -> tuple[tuple[Measurement, ...], str]:
    """Return the largest part of a gradient that arrives at the parameter of the wrong half, and a sentence.

    A step across the middle misplaces what belongs to it, so the part shrinks with the steps.  Nothing is
    measured where the sum of both halves is as far from the exact gradient: that is another mistake.
    """
    resolution, *tighter = resolutions
    plain = Solve(problem, resolution)
    whole = layer.solution(plain, (cotangent,))
    solve = Solve(problem, resolution, variation=LATE_TURN, limit=limit_beside(whole))
    late = attempt(lambda: layer.fresh(solve, (cotangent,)))
    if isinstance(late, Refusal):
        return (), ""
    exact = sensitivity(problem).pullback(cotangent)
    exact_late = sensitivity(_second_half(problem)).pullback(cotangent)
    shares = {}
    for group in map(group_of, problem.params):
        size = max(largest_entry(exact_late[group]), largest_entry(exact[group] - exact_late[group]))
        if distance(whole.gradients[group], exact[group]) <= LARGEST_MISPLACED_SHARE * size:
            shares[group] = distance(late.gradients[group], exact_late[group]) / size
    if not shares:
        return (), ""
    worst = max(shares, key=lambda group: shares[group])
    name = "largest part of a gradient at the parameter of the wrong half"
    measurement = at_most(name, shares[worst], LARGEST_MISPLACED_SHARE)
    if tighter and not measurement.holds:
        return _judge_shares(layer, problem, cotangent, tighter)
    return (measurement,), "" if measurement.holds else _explain_share(worst, shares[worst])


def _second_half(problem: Problem) -> Problem:
    """Return the problem from the middle of the interval on, where its solution is then."""
    middle = (problem.t0 + problem.t1) / 2
    (y0,) = trajectory(problem, [middle])
    return problem.replace(name=f"{problem.name}_second_half", t0=middle, y0=y0)


def _explain_share(group: str, share: float) -> str:
    return (
        f"Where the field chooses its parameters by time, {share:.0%} of ∂L/∂{group} arrives at the "
        "parameter of the wrong half, and the sum of both is right. A graph of several steps has the branch "
        "of the field at one of their times: run the field itself at every evaluation."
    )


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
