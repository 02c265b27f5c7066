"""A field that is switched on all of a sudden: steps must be taken back there."""

from __future__ import annotations

import math

import numpy as np
from array_api_compat import array_namespace

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.tolerance import growth_above
from nodecheck.numerics import (
    EPS,
    FLOOR_FACTOR,
    LARGEST_WEIGHTS,
    MAXIMUM_GROWTH,
    TOLERANCE_FACTOR,
    relative_error,
)
from nodecheck.problems import Array, Problem, constant
from nodecheck.results import Evidence, Inconclusive, Series, at_most

_WHEN = 0.93  # no simple fraction of the interval: steps that lie symmetrically about it cancel their errors
# So short that a step which sees nothing of it before it is there is a thousand times longer, and still long
# enough for steps that the tolerances ask for.
_HOW_LONG = 5e-4
# Steps before the change do not know the tolerance; where they end is chance, so an error that does not
# follow it jumps by a factor of ten or more.  Over four decades that is no slope.
_TOLERANCES = (1e-4, 1e-6, 1e-8)
_MOST_STAGES = 20  # the longest published pairs have 17 or so


def _field(t: Array, y: Array, /, *, c: Array) -> Array:
    xp = array_namespace(y)
    return c * (0.5 + 0.5 * xp.tanh((t - _WHEN) / (2 * _HOW_LONG))) + 0.0 * y


def _flow(t0: float, t: float, y0: Array, /, *, c: Array) -> Array:
    later, earlier = (np.logaddexp(0.0, (s - _WHEN) / _HOW_LONG) for s in (t, t0))
    return y0 + c * _HOW_LONG * (later - earlier)


switch = constant.replace(
    name="switch",
    vector_field=_field,
    exact_flow=_flow,
    reveals="steps that are accepted whatever their error, smallest steps, estimates blind to time",
    blind_to="everything about the state: the Jacobian is zero",
    cite="closed form: the integral of a logistic function",
)


@check(
    title="A sudden change of the field is resolved",
    failure_title="A sudden change of the field is stepped over",
    theme="Forward",
    kind="order",
    applies_to="adaptive",
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
    errors = [relative_error(layer.solve(problem, tol).y1, exact) for tol in _TOLERANCES]
    largest = float(np.max(np.divide(errors, _TOLERANCES)))
    series = (
        Series(
            "Error after a sudden change",
            problem.name,
            _TOLERANCES,
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
    growth = growth_above(_TOLERANCES, errors, FLOOR_FACTOR * EPS)
    measurements = (
        at_most("growth exponent of error/tol", growth, MAXIMUM_GROWTH),
        at_most("distance of y1 from y0 over that of the field", _distance(layer, problem), LARGEST_WEIGHTS),
    )
    diagnosis = "" if all(m.holds for m in measurements) else _explain(layer, problem, errors)
    return Evidence(measurements, diagnosis, series)


def _distance(layer: LayerUnderTest, problem: Problem) -> float:
    """Return how far y1 is from y0, in units of how far the field can carry it from t0 to t1.

    An error that shrinks from one enormous value to another has a slope like any other.
    """
    y1 = layer.solve(problem, _TOLERANCES[-1]).y1
    return float(np.max(np.abs((y1 - problem.y0) / problem.params["c"]))) / abs(problem.duration)


def _explain(layer: LayerUnderTest, problem: Problem, errors: list[float]) -> str:
    """Return what is seen of a state that is not finite, of another time, or too far away; else of the steps.

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
        f"Between tol = {_TOLERANCES[0]:g} and {_TOLERANCES[-1]:g} the error goes from {errors[0]:.2g} to "
        f"{errors[-1]:.2g}; {seen}."
    )


def _not_finite(layer: LayerUnderTest, problem: Problem) -> str:
    lost = [f"{tol:g}" for tol in _TOLERANCES if not np.isfinite(layer.solve(problem, tol).y1).all()]
    if not lost:
        return ""
    return (
        f"y1 is not finite at tol = {', '.join(lost)}: until shortly before t = {_WHEN:g} the field is zero, "
        f"and so are estimates of the error"
    )


def _of_another_time(layer: LayerUnderTest, problem: Problem) -> str:
    """Return which time y1 belongs to, if not to t1 and the last look at the field agrees; else "".

    Behind the change y1 grows by c in a unit of time: it tells how late it is.  A layer whose last look at a
    constant field is at t1 looks at the end of its steps.  If here its last look is before t1, and y1 is no
    later than that, the last step is missing.
    """
    looks = _looks(layer, problem)
    if not looks or not max(looks) > _WHEN:
        return ""
    last, t1 = looks[-1], problem.t1
    elapsed = (layer.solve(problem, _TOLERANCES[-1]).y1 - problem.y0) / problem.params["c"]
    time = _WHEN + float(np.max(elapsed))
    if last > t1 + _HOW_LONG and abs(time - last) <= _HOW_LONG:
        return f"y1 is the state at t = {last:.4g}, where the field is evaluated last, beyond t1 = {t1:g}"
    usual = _looks(layer, constant)
    looks_at_end = bool(usual) and abs(usual[-1] - constant.t1) <= _HOW_LONG
    if not looks_at_end or last > t1 - _HOW_LONG or time > max(last, _WHEN) + _HOW_LONG:
        return ""
    return (
        f"the field is evaluated last at t = {last:.4g} (a constant field at t1 = {constant.t1:g}), and y1 "
        f"is no later: what is left up to t1 is not integrated, without a word"
    )


def _too_far(layer: LayerUnderTest, problem: Problem) -> str:
    """Return how far away y1 is, if the weights of no method are so large; "" if they may be."""
    distance = _distance(layer, problem)
    if distance <= LARGEST_WEIGHTS:
        return ""
    return f"y1 is {distance:.2g} times as far from y0 as the field can carry it from t0 to t1: it diverges"


def _require_looks_at_ends(layer: LayerUnderTest, problem: Problem) -> None:
    """Raise `Inconclusive` if the last step, and so probably no step, has a node at its end."""
    latest = max(_looks(layer, problem), default=problem.t1)
    if latest < problem.t1 - _HOW_LONG:
        message = (
            f"the layer does not look at the end of its steps, or ends before t1 (the last time is "
            f"{latest:.6g}, t1 is {problem.t1:g}): it cannot see what changes behind its last look"
        )
        raise Inconclusive(message)


def _looks(layer: LayerUnderTest, problem: Problem) -> list[float]:
    """Return the times at which the field is evaluated at the tightest tolerance, as far as they are seen."""
    return [call.t for call in layer.solve(problem, _TOLERANCES[-1]).calls if not math.isnan(call.t)]


def _of_steps(layer: LayerUnderTest, problem: Problem) -> str:
    """Return what is left if nothing else is seen: a controller that does not control, or to another end.

    More evaluations near the change than a step has stages are those of steps that were taken back.
    """
    calls = layer.solve(problem, _TOLERANCES[-1]).calls
    near = sum(abs(call.t - _WHEN) <= 10 * _HOW_LONG for call in calls)
    text = f"{near} of {len(calls)} evaluations at the tightest are near the change at t = {_WHEN:g}"
    if near > _MOST_STAGES:
        return f"{text}: it is seen, so the tolerance is not the one given, or the error is made elsewhere"
    text = f"{text}: steps are accepted whatever their error, or the estimate does not see time"
    states = [layer.solve(problem, tol).y1 for tol in _TOLERANCES]
    same = all(np.array_equal(y1, states[0]) for y1 in states)
    return f"{text}, or the tolerance is not used: it has no effect on y1" if same else text
