"""A field that is switched on all of a sudden: steps must be taken back there."""

from __future__ import annotations

import math

import numpy as np
from array_api_compat import array_namespace

from nodecheck.checks.base import Inconclusive, check
from nodecheck.checks.tolerance import growth_above
from nodecheck.layers import LayerUnderTest
from nodecheck.numerics import EPS, FLOOR_FACTOR, MAXIMUM_GROWTH, TOLERANCE_FACTOR, relative_error
from nodecheck.problems import Problem, constant
from nodecheck.problems.problem import Array
from nodecheck.results import Evidence, Series, at_most

_WHEN = 0.93  # no simple fraction of the interval: steps that lie symmetrically about it cancel their errors
# So short that a step which sees nothing of it before it is there is a thousand times longer, and still long
# enough for steps that the tolerances ask for.
_HOW_LONG = 5e-4
# Steps before the change do not know the tolerance; where they end is chance, so an error that does not
# follow it jumps by a factor of ten or more.  Over four decades that is no slope.
_TOLERANCES = (1e-4, 1e-6, 1e-8)


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
    last look, however short the step: then nothing is decided.
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
    measurement = at_most("growth exponent of error/tol", growth, MAXIMUM_GROWTH)
    if not measurement.holds:
        _require_looks_at_ends(layer, problem)
    diagnosis = "" if measurement.holds else _explain(layer, problem, errors)
    return Evidence((measurement,), diagnosis, series)


def _require_looks_at_ends(layer: LayerUnderTest, problem: Problem) -> None:
    """Raise `Inconclusive` if the last step, and so probably no step, has a node at its end."""
    calls = layer.solve(problem, _TOLERANCES[-1]).calls
    latest = max((call.t for call in calls if not math.isnan(call.t)), default=problem.t1)
    if latest < problem.t1 - _HOW_LONG:
        message = (
            f"the layer does not look at the end of its steps (the last time is {latest:.6g}, t1 is "
            f"{problem.t1:g}), and cannot see what changes behind its last look"
        )
        raise Inconclusive(message)


def _explain(layer: LayerUnderTest, problem: Problem, errors: list[float]) -> str:
    calls = layer.solve(problem, _TOLERANCES[-1]).calls
    near = sum(abs(call.t - _WHEN) <= 10 * _HOW_LONG for call in calls)
    return (
        f"Between tol = {_TOLERANCES[0]:g} and {_TOLERANCES[-1]:g} the error goes from {errors[0]:.2g} to "
        f"{errors[-1]:.2g}; {near} of {len(calls)} evaluations at the tightest are near the change at "
        f"t = {_WHEN:g}: steps are accepted whatever their error, or the estimate does not see time."
    )
