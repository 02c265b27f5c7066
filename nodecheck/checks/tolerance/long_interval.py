"""Long intervals: every solver that counts its steps has a limit, and must not be silent about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nodecheck.checks.check import check
from nodecheck.layers import Call, LayerUnderTest, Refusal, Solve, attempt
from nodecheck.numerics.constants import (
    FEWEST_LONG_EVALUATIONS,
    LONG_SHARE_FORWARD,
    LONG_SHARE_WITH_BACKWARD,
    LONGER_TURNS,
    MANY_PER_TURN,
    MOST_LONG_EVALUATIONS,
    MOST_STAGES,
    ROTATION_TOLERANCE,
    SHORT_TURNS,
)
from nodecheck.problems import Problem, rotation
from nodecheck.results import Evidence, Inconclusive, Unsupported, at_most
from nodecheck.results.phrases import plural

_TURN = 2 * math.pi / float(rotation.params["omega"])


@check(
    title="Long intervals are integrated to their end",
    failure_title="Long intervals are not integrated to their end",
    theme="Forward",
    kind="contract",
    requires=frozenset({"adaptive"}),
    profile="ci",
    cite="torchode and diffrax: max_steps, with a status or an error; here: no error, and another time",
)
def long_interval(layer: LayerUnderTest) -> Evidence:
    """Turn for as long as takes the layer some hundreds of steps, and look at the times it has looked at.

    A loop that ends after so many steps and returns what it has got answers for an earlier time.  Every part
    of the interval must have been looked at, forward and, where the backward pass evaluates the field,
    backward.  A layer that raises instead says so, which is all that is asked.
    """
    backward_too = _evaluates_backward(layer)
    problem = _long(layer, LONG_SHARE_WITH_BACKWARD if backward_too else LONG_SHARE_FORWARD)
    solution = attempt(lambda: layer.solution(Solve(problem, ROTATION_TOLERANCE)))
    if isinstance(solution, Refusal):
        message = f"{problem.duration / _TURN:.0f} turns are refused: {solution}"
        raise Unsupported(message)
    passes = {"forward": solution.calls}
    if backward_too:
        passes["backward"] = _backward(layer, problem)
    gaps = {name: gap for name, calls in passes.items() if (gap := _widest_gap(calls, problem))}
    if not gaps:
        message = "the times at which the layer evaluates the field cannot be seen, or are few"
        raise Inconclusive(message)
    measurements = tuple(
        at_most(f"longest stretch without an evaluation, {name}", gap.ratio, MOST_STAGES, "mean gaps")
        for name, gap in gaps.items()
    )
    wrong = [name for name, m in zip(gaps, measurements, strict=True) if not m.holds]
    diagnosis = _explain_gap(problem, wrong[0], gaps[wrong[0]], len(passes[wrong[0]])) if wrong else ""
    return Evidence(measurements, diagnosis)


@dataclass(frozen=True)
class _Gap:
    """The longest stretch of time without an evaluation, and how long it is in units of the mean one."""

    ratio: float
    start: float
    end: float


def _explain_gap(problem: Problem, name: str, gap: _Gap, evaluations: int) -> str:
    last = problem.t1 if name == "forward" else problem.t0
    why = "it gives up after so many steps" if last in (gap.start, gap.end) else "it steps over it"
    return (
        f"Of [{problem.t0:g}, {problem.t1:.6g}] the {name} pass leaves out [{gap.start:.6g}, {gap.end:.6g}] "
        f"in {plural(evaluations, 'evaluation')}: {why}, without a word."
    )


def _long(layer: LayerUnderTest, share: float) -> Problem:
    """Return a rotation over so many turns that it takes the evaluations that the profile affords."""
    per_turn = _evaluations(layer, SHORT_TURNS) / SHORT_TURNS
    if per_turn < MANY_PER_TURN:  # of few a large part is for the first step
        longer = _evaluations(layer, LONGER_TURNS)
        per_turn = max(
            (longer - SHORT_TURNS * per_turn) / (LONGER_TURNS - SHORT_TURNS), longer / (2 * LONGER_TURNS), 1.0
        )
    evaluations = share * min(layer.profile.evaluations, MOST_LONG_EVALUATIONS)
    return _turning(layer, max(SHORT_TURNS, evaluations / per_turn))


def _evaluations(layer: LayerUnderTest, turns: float) -> int:
    return layer.solve(_turning(layer, turns), ROTATION_TOLERANCE).evaluations


def _turning(layer: LayerUnderTest, turns: float) -> Problem:
    return layer.counterpart(rotation).with_interval(rotation.t0, rotation.t0 + turns * _TURN)


def _evaluates_backward(layer: LayerUnderTest) -> bool:
    """Return True if a backward pass evaluates the field at times that can be seen."""
    runs = attempt(lambda: layer.gradients(layer.counterpart(rotation), ROTATION_TOLERANCE, 1))
    return not isinstance(runs, Refusal) and any(not math.isnan(call.t) for call in runs[0].calls)


def _backward(layer: LayerUnderTest, problem: Problem) -> tuple[Call, ...]:
    """Return the calls of the backward pass; none if it raises: a limit that is not silent."""
    runs = attempt(lambda: layer.gradients(problem, ROTATION_TOLERANCE, 1))
    return () if isinstance(runs, Refusal) else runs[0].calls


def _widest_gap(calls: Sequence[Call], problem: Problem) -> _Gap | None:
    """Return the widest gap between the times looked at; None where too few of them can be seen."""
    times = np.unique([call.t for call in calls if not math.isnan(call.t)])
    times = times[(times > problem.t0) & (times < problem.t1)]
    if len(times) < FEWEST_LONG_EVALUATIONS:
        return None
    ends = np.concatenate([[problem.t0], times, [problem.t1]])
    gaps = np.diff(ends)
    widest = int(np.argmax(gaps))
    return _Gap(float(gaps[widest] / np.mean(gaps)), float(ends[widest]), float(ends[widest + 1]))
