"""Adaptive layers on fields of time alone, where the error estimate may see nothing at all."""

from __future__ import annotations

import math

import numpy as np

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.tolerance import affordable, growth_above
from nodecheck.numerics import GROWTH_OF_LOWEST_ORDER, MAXIMUM_GROWTH, TOLERANCE_FACTOR
from nodecheck.numerics.constants import (
    COST_TOLERANCES,
    GROWTH_OF_ORDER_FOUR,
    HIGHEST_POWER,
)
from nodecheck.problems import Problem, lotka_volterra, power
from nodecheck.results import Evidence, Measurement, Series, at_most


@check(
    title="Powers of t are integrated to the tolerance",
    failure_title="Powers of t are not integrated to the tolerance",
    theme="Forward",
    kind="order",
    requires=frozenset({"adaptive"}),
    profile="ci",
    cite="Hairer, Nørsett & Wanner (1993), sec. II.1: condition B(p); sec. II.6: continuous extensions",
)
def power_tolerance(layer: LayerUnderTest) -> Evidence:
    """Integrate y' = c t, c t^2, ..., c t^6 over a tolerance sweep.

    Below the order of its embedded method a layer estimates no error and takes the longest steps there are.
    Then the state must be exact: an interpolation to t1 of too low a degree, or a controller that compares
    two values at the same time, shows an error that no tolerance reduces.  Where the estimate does see the
    field the error follows the tolerance, as everywhere.

    Time must not cost an order either: where stage times are wrong, y' = c t alone takes as many steps as
    with a method of order one.
    """
    measurements, series, spent = [], [], 0
    for k in range(1, HIGHEST_POWER + 1):
        problem = power(k)
        tolerances = affordable(layer, problem)
        errors = [_error(layer, problem, tol) for tol in tolerances]
        measurements.append(_follows(layer, k, tolerances, errors))
        series.append(
            Series(
                "Error of y' = c t^k",
                f"t^{k}",
                tolerances,
                tuple(errors),
                "tolerance",
                "error",
                log=True,
                slope=1.0,
            )
        )
        spent += sum(layer.solve(problem, tol).evaluations for tol in tolerances)
        if spent > layer.profile.evaluations:  # low orders are dear, and see every power but the first
            break
    diagnosis = _explain_powers(measurements)
    measurements += _order_lost_to_time(layer)
    if not diagnosis and not measurements[-1].holds:
        diagnosis = (
            "Evaluations for y' = c t grow with the tolerance as for a method of order one, those for "
            "Lotka-Volterra, a field without time, do not: the stage times are wrong."
        )
    return Evidence(tuple(measurements), diagnosis, tuple(series))


def _error(layer: LayerUnderTest, problem: Problem, tol: float) -> float:
    exact = problem.flow(problem.t1, problem.y0, **problem.params)  # type: ignore[misc]
    return float(np.max(np.abs(layer.solve(problem, tol).y1 - exact)))


def _follows(
    layer: LayerUnderTest, k: int, tolerances: tuple[float, ...], errors: list[float]
) -> Measurement:
    """Return the error in units of the tolerance, or how that grows if it is large."""
    largest = float(np.max(np.divide(errors, tolerances)))
    if largest <= TOLERANCE_FACTOR:
        return at_most(f"error of y1 for t^{k}, in units of the tolerance", largest, TOLERANCE_FACTOR)
    problem = power(k)
    evaluations = layer.solve(problem, tolerances[-1]).evaluations
    growth = growth_above(tolerances, errors, layer.roundoff(evaluations, 2.0 * problem.t1**k))
    return at_most(f"growth exponent of error/tol for t^{k}", growth, MAXIMUM_GROWTH)


def _explain_powers(measurements: list[Measurement]) -> str:
    wrong = [k for k, m in enumerate(measurements, start=1) if not m.holds]
    if not wrong:
        return ""
    powers = ", ".join(f"t^{k}" for k in wrong)
    return (
        f"For y' = c {powers} the error does not follow the tolerance.  Steps are long where the estimate "
        f"vanishes: the interpolation to t1 may be of too low a degree, or the estimate blind to time."
    )


def _order_lost_to_time(layer: LayerUnderTest) -> list[Measurement]:
    """Return the growth of evaluations over the tolerance for y' = c t, if slow for a field without time.

    With an error estimate of order q they grow like tol^(-1/q), and q >= 2.  The estimate of a field of time
    alone is of no lower order than that of any other.
    """
    bound = _cost_exponent(layer, layer.counterpart(lotka_volterra))
    if not bound <= GROWTH_OF_ORDER_FOUR:
        return []
    half_way = (bound + GROWTH_OF_LOWEST_ORDER) / 2
    name = "growth exponent of the evaluations for y' = c t"
    return [at_most(name, _cost_exponent(layer, power(1)), half_way)]


def _cost_exponent(layer: LayerUnderTest, problem: Problem) -> float:
    tolerances = affordable(layer, problem)[-COST_TOLERANCES:]
    evaluations = [layer.solve(problem, tol).evaluations for tol in tolerances]
    if not min(evaluations):
        return math.nan
    return -float(np.polyfit(np.log(tolerances), np.log(evaluations), 1)[0])
