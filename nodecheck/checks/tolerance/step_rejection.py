"""A field that is switched on all of a sudden: steps must be taken back there."""

from __future__ import annotations

import math

import numpy as np

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.tolerance import growth_above
from nodecheck.numerics import (
    FLOOR_FACTOR,
    LARGEST_WEIGHTS,
    MAXIMUM_GROWTH,
    TOLERANCE_FACTOR,
    relative_error,
)
from nodecheck.numerics.constants import (
    MOST_STAGES,
    NEAR_SWITCH,
    SWITCH_DURATION,
    SWITCH_TIME,
    SWITCH_TOLERANCES,
)
from nodecheck.problems import Problem, constant, switch
from nodecheck.results import Evidence, Inconclusive, Series, at_most
from nodecheck.results.phrases import apart, verb


def _tolerances(layer: LayerUnderTest) -> tuple[float, ...]:
    return layer.reachable(SWITCH_TOLERANCES)


@check(
    title="A sudden change of the field is resolved",
    failure_title="A sudden change of the field is stepped over",
    theme="Forward",
    kind="order",
    requires=frozenset({"adaptive"}),
    profile="ci",
    problems=(switch,),
    cite="Hairer, Nørsett & Wanner (1993), sec. II.4: a step whose error exceeds the tolerance is rejected",
)
def sudden_change(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Integrate a field that is zero, and a thousandth of a time unit later constant.

    Steps are as long as they can be when they meet it, so they must be rejected until they are short enough.
    A controller that accepts every step, that does not go below a smallest step, or whose estimate does not
    see time, leaves an error that has nothing to do with the tolerance.

    A method that never looks at the end of a step, as midpoint rules do not, cannot see a change behind its
    last look, however short the step: then nothing is decided.  One that looks at the end of its steps, and
    ends before t1, is told from it on a constant field.
    """
    exact = problem.flow(problem.t1, problem.y0, **problem.params)  # type: ignore[misc]
    errors = [relative_error(layer.solve(problem, tol).y1, exact) for tol in _tolerances(layer)]
    largest = float(np.max(np.divide(errors, _tolerances(layer))))
    series = (
        Series(
            "Error after a sudden change",
            problem.name,
            _tolerances(layer),
            tuple(errors),
            "tolerance",
            "relative error",
            log=True,
            slope=1.0,
        ),
    )
    if largest <= TOLERANCE_FACTOR:
        measurement = at_most("error of y1, in units of the tolerance", largest, TOLERANCE_FACTOR)
        return Evidence((measurement,), series=series)
    growth = growth_above(_tolerances(layer), errors, FLOOR_FACTOR * layer.eps)
    measurements = (
        at_most("growth exponent of error/tol", growth, MAXIMUM_GROWTH),
        at_most("distance of y1 from y0 over that of the field", _distance(layer, problem), LARGEST_WEIGHTS),
    )
    diagnosis = "" if all(m.holds for m in measurements) else _explain_change(layer, problem, errors)
    return Evidence(measurements, diagnosis, series)


def _distance(layer: LayerUnderTest, problem: Problem) -> float:
    """Return the distance of y1 from y0, in units of the distance that the field can cover from t0 to t1.

    An error that shrinks from one enormous value to another has a slope like any other.
    """
    y1 = layer.solve(problem, _tolerances(layer)[-1]).y1
    return float(np.max(np.abs((y1 - problem.y0) / problem.params["c"]))) / abs(problem.duration)


def _explain_change(layer: LayerUnderTest, problem: Problem, errors: list[float]) -> str:
    """Return the cause: a state that is not finite, of another time, or too far away; else the steps.

    Raises
    ------
    Inconclusive
        If none of the former is seen, and the layer does not look at the end of its steps.
    """
    seen = _not_finite(layer, problem) or _of_another_time(layer, problem) or _too_far(layer, problem)
    if not seen:
        _require_looks_at_ends(layer, problem)
        seen = _of_steps(layer, problem)
    return (
        f"Between tol = {_tolerances(layer)[0]:g} and {_tolerances(layer)[-1]:g} the error goes from "
        f"{errors[0]:.2g} to {errors[-1]:.2g}; {seen}."
    )


def _not_finite(layer: LayerUnderTest, problem: Problem) -> str:
    lost = [f"{tol:g}" for tol in _tolerances(layer) if not np.isfinite(layer.solve(problem, tol).y1).all()]
    if not lost:
        return ""
    return (
        f"y1 is not finite at tol = {', '.join(lost)}: until shortly before t = {SWITCH_TIME:g} the field "
        f"is zero, and so are estimates of the error"
    )


def _of_another_time(layer: LayerUnderTest, problem: Problem) -> str:
    """Return which time y1 belongs to, if not to t1 and the last look at the field agrees; else "".

    Behind the change y1 grows by c in a unit of time: it tells how late it is.  A layer whose last look at a
    constant field is at t1 looks at the end of its steps.  If here its last look is before t1, and y1 is no
    later than that, the last step is missing.
    """
    looks = _looks(layer, problem)
    if not looks or not max(looks) > SWITCH_TIME:
        return ""
    last, t1 = looks[-1], problem.t1
    elapsed = (layer.solve(problem, _tolerances(layer)[-1]).y1 - problem.y0) / problem.params["c"]
    time = SWITCH_TIME + float(np.max(elapsed))
    if last > t1 + SWITCH_DURATION and abs(time - last) <= SWITCH_DURATION:
        found, end = apart([last], [t1])
        return f"y1 is the state at t = {found}, where the field is evaluated last, beyond t1 = {end}"
    usual = _looks(layer, constant)
    looks_at_end = bool(usual) and abs(usual[-1] - constant.t1) <= SWITCH_DURATION
    if not looks_at_end or last > t1 - SWITCH_DURATION or time > max(last, SWITCH_TIME) + SWITCH_DURATION:
        return ""
    return (
        f"the field is evaluated last at t = {last:.4g} (a constant field at t1 = {constant.t1:g}), and y1 "
        f"is no later: what is left up to t1 is not integrated, without a word"
    )


def _too_far(layer: LayerUnderTest, problem: Problem) -> str:
    """Return the distance of y1 from y0 in words, if the weights of no method are so large; else ""."""
    distance = _distance(layer, problem)
    if distance <= LARGEST_WEIGHTS:
        return ""
    return f"y1 is {distance:.2g} times as far from y0 as the field can carry it from t0 to t1: it diverges"


def _require_looks_at_ends(layer: LayerUnderTest, problem: Problem) -> None:
    """Raise `Inconclusive` if the last step, and so probably no step, has a node at its end."""
    latest = max(_looks(layer, problem), default=problem.t1)
    if latest < problem.t1 - SWITCH_DURATION:
        message = (
            f"the layer does not look at the end of its steps, or ends before t1 (the last time is "
            f"{latest:.6g}, t1 is {problem.t1:g}): it cannot see what changes behind its last look"
        )
        raise Inconclusive(message)


def _looks(layer: LayerUnderTest, problem: Problem) -> list[float]:
    """Return the times at which the field is evaluated at the tightest tolerance, as far as they are seen."""
    return [call.t for call in layer.solve(problem, _tolerances(layer)[-1]).calls if not math.isnan(call.t)]


def _of_steps(layer: LayerUnderTest, problem: Problem) -> str:
    """Return the remaining causes: a controller that does not control, or to another tolerance.

    More evaluations near the change than a step has stages are those of steps that were taken back.
    """
    calls = layer.solve(problem, _tolerances(layer)[-1]).calls
    near = sum(abs(call.t - SWITCH_TIME) <= NEAR_SWITCH * SWITCH_DURATION for call in calls)
    seen = f"{near} of {len(calls)} evaluations at the tightest {verb(near, 'is', 'are')} near the change"
    text = f"{seen} at t = {SWITCH_TIME:g}"
    if near > MOST_STAGES:
        return f"{text}: it is seen, so the tolerance is not the one given, or the error is made elsewhere"
    text = f"{text}: steps are accepted whatever their error, or the estimate does not see time"
    states = [layer.solve(problem, tol).y1 for tol in _tolerances(layer)]
    same = all(np.array_equal(y1, states[0]) for y1 in states)
    return f"{text}, or the tolerance is not used: it has no effect on y1" if same else text
