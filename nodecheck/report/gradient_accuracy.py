"""The errors of the gradients in a run: against steps, tolerance, evaluations and bytes."""

from __future__ import annotations

import bisect
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from nodecheck.report.points import positive
from nodecheck.results import Result, Run, Series

AGAINST = ("Gradient error", "Gradient error against tolerance")  # plots of the error of gradients
STEPS = "steps"  # the label of an axis
WORK_PRECISION = "Gradient work-precision"
_AT_STEPS = re.compile(r"error at (\d+) steps of .*")
_EVALUATIONS = re.compile(r"evaluations (?:forward|backward), (\d+) steps")
_NEARLY = 0.9  # share of the layers of the problem that most layers have
_PEAK = "peak of backward"
_SAME = 1e-4  # relative difference of a point of a curve, which is rounded, and its metric


@dataclass(frozen=True)
class Accuracy:
    """The largest error of a gradient over its groups, at one level of refinement."""

    error: float
    level: str  # "64 steps" or "tol 1e-05"


def accuracies(run: Run) -> dict[str, Accuracy]:
    """Return the error of each layer's gradient on the problem that most layers share, at a common level."""
    found: dict[str, Accuracy] = {}
    problem = shared_problem(run)
    for result in run.results:
        if result.problem == problem and (one := _accuracy(result)) is not None:
            found[result.layer] = one
    return found


def shared_problem(run: Run) -> str:
    """Return the first problem on which nearly as many layers as on any have a curve; "" without one.

    The first is the one that stands on identity cards.
    """
    count = Counter(r.problem for r in run.results if any(s.plot in AGAINST for s in r.series))
    return next((p for p, n in count.items() if n >= _NEARLY * max(count.values())), "")


def _accuracy(result: Result) -> Accuracy | None:
    if not any(s.plot in AGAINST for s in result.series):
        return None
    found = [(m.value, m.name) for m in result.metrics if m.name.startswith("error at ")]
    found = [(value, name) for value, name in found if math.isfinite(value)]
    if not found:
        return None
    value, name = max(found)
    return Accuracy(value, name.removeprefix("error at ").partition(" of ")[0])


def worst_curve(series: Iterable[Series]) -> Series | None:
    """Return the largest error over the curves at each x, which stands for all; None where there is none."""
    largest: dict[float, float] = {}
    series = list(series)
    for s in series:
        for x, y in positive(s):
            largest[x] = max(y, largest.get(x, 0.0))
    if not largest:
        return None
    xs = tuple(sorted(largest, reverse=True))
    return replace(series[0], x=xs, y=tuple(largest[x] for x in xs), style="points")


def duration_of(result: Result) -> float:
    """Return the number of steps times the step size of a result's curves; NaN where it is not known.

    A metric of the result tells the error at a number of steps, which is a point of one of its curves.
    """
    for metric in result.metrics:
        match = _AT_STEPS.fullmatch(metric.name)
        if match is None or not metric.value > 0:
            continue
        for s in result.series:
            for x, y in zip(s.x, s.y, strict=True):
                if s.x_label.startswith("step") and math.isclose(y, metric.value, rel_tol=_SAME):
                    return x * int(match[1])
    return math.nan


def known_durations(results: Iterable[Result]) -> dict[tuple[float, ...], float]:
    """Return the number of steps times the step size for each ladder of step sizes of a layer.

    Problems with the same step sizes have the same ladder: what one result tells holds for the others.
    """
    found: dict[tuple[float, ...], float] = {}
    for result in results:
        duration = duration_of(result)
        if not math.isnan(duration):
            found.update({s.x: duration for s in result.series if s.x_label.startswith("step")})
    return found


def against_steps(duration: float, curve: Series) -> Series | None:
    """Return a curve over step sizes as one over numbers of steps, from few to many.

    `duration` is their product; None is returned where it is NaN.
    """
    if math.isnan(duration):
        return None
    points = sorted((float(round(duration / x)), y) for x, y in zip(curve.x, curve.y, strict=True))
    xs, ys = zip(*points, strict=True)
    return replace(curve, x=xs, y=ys, x_label=STEPS)


def against_evaluations(results: Sequence[Result], problem: str) -> Series | None:
    """Return the error of a layer's gradient against the evaluations of both passes.

    A run of an older version has them per step alone, and none of layers that choose their steps.
    """
    of_problem = [r for r in results if r.problem == problem]
    if measured := worst_curve(s for r in of_problem for s in r.series if s.plot == WORK_PRECISION):
        return replace(measured, slope=None)
    curve = _steps_curve(of_problem)
    totals = [
        m.value / int(f[1]) for r in results for m in r.metrics if (f := _EVALUATIONS.fullmatch(m.name))
    ]
    if curve is None or not totals:
        return None
    xs = tuple(x * sum(totals) for x in curve.x)
    return replace(curve, x=xs, plot=WORK_PRECISION, x_label="evaluations", slope=None)


def against_bytes(results: Sequence[Result], problem: str) -> Series | None:
    """Return the error of a layer's gradient against the most bytes alive in its backward pass.

    The bytes are those of the check of memory at as many steps, or evaluations, between two of its levels.
    """
    memory = [s for r in results for s in r.series if s.plot == "Memory" and s.label == _PEAK]
    if not memory:
        return None
    if memory[0].x_label == STEPS:
        curve = _steps_curve([r for r in results if r.problem == problem])
    else:
        curve = against_evaluations(results, problem)
    if curve is None:
        return None
    points = [(_between(memory[0], x), y) for x, y in zip(curve.x, curve.y, strict=True)]
    known = [(b, y) for b, y in points if not math.isnan(b)]
    if not known:
        return None
    xs, ys = zip(*known, strict=True)
    return replace(curve, x=xs, y=ys, plot=WORK_PRECISION, x_label="bytes at the peak", slope=None)


def _steps_curve(results: Sequence[Result]) -> Series | None:
    for r in results:
        curve = worst_curve(s for s in r.series if s.plot == "Gradient error")
        if curve is not None:
            return against_steps(duration_of(r), curve)
    return None


def _between(curve: Series, x: float) -> float:
    """Return the value of a curve at x, on the straight line between two points; NaN outside of them."""
    points = sorted(zip(curve.x, curve.y, strict=True))
    k = bisect.bisect_left(points, (x, -math.inf))
    if k < len(points) and points[k][0] == x:
        return points[k][1]
    if not 0 < k < len(points):
        return math.nan
    (x0, y0), (x1, y1) = points[k - 1], points[k]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
