"""What must follow the tolerance of an adaptive layer, measured over a sweep."""

from __future__ import annotations

import math
from collections.abc import Callable

from nodecheck.layers import LayerUnderTest
from nodecheck.numerics import EPS, MAXIMUM_GROWTH, TOLERANCE_FACTOR, fit_growth
from nodecheck.problems import Problem
from nodecheck.results import Measurement, at_most

# The exponent of error/tol is told from that of a plateau by a quarter (see numerics): over three decades an
# error that jumps by a factor of five does not hide it, over two decades one that jumps by three.
_ENOUGH, _ENOUGH_IF_SMOOTH = 4, 3
# The error jumps because steps are whole: with N of them by (1 + 1/N)^p.  A method of order p makes at least
# p evaluations a step; so many at the loosest tolerance keep that below three, up to order four.  Methods of
# higher order become dear only later.
_MANY_EVALUATIONS = 20


def affordable(layer: LayerUnderTest, problem: Problem, *, with_gradient: bool = False) -> tuple[float, ...]:
    """Return the tolerances of the sweep, up to the last that the profile can afford.

    What the next one costs is foreseen from the growth so far: a method of order p needs about tol^(-1/p)
    steps, the same factor more with each decade.  Nothing is solved only to be thrown away.
    """
    return layer.once(
        ("affordable tolerances", problem, with_gradient),
        lambda: _affordable(layer, problem, with_gradient=with_gradient),
    )


def _affordable(layer: LayerUnderTest, problem: Problem, *, with_gradient: bool) -> tuple[float, ...]:
    costs: list[int] = []
    for tol in layer.tolerances():
        smooth = bool(costs) and costs[0] >= _MANY_EVALUATIONS
        enough = _ENOUGH_IF_SMOOTH if smooth else _ENOUGH
        if len(costs) >= enough and _next_cost(*costs[-2:]) > layer.profile.evaluations:
            break
        costs.append(_cost(layer, problem, tol, with_gradient=with_gradient))
    return layer.tolerances()[: len(costs)]


def one_more(
    layer: LayerUnderTest, problem: Problem, tolerances: tuple[float, ...], *, with_gradient: bool = False
) -> tuple[float, ...]:
    """Return the sweep with one more tolerance at its tight end, or as it is if that would be too dear."""
    costs = [_cost(layer, problem, tol, with_gradient=with_gradient) for tol in tolerances[-2:]]
    if _next_cost(*costs) > layer.profile.evaluations:
        return tolerances
    return (*tolerances, tolerances[-1] * tolerances[-1] / tolerances[-2])


def _cost(layer: LayerUnderTest, problem: Problem, tol: float, *, with_gradient: bool) -> int:
    """Return the evaluations of one forward and, with the gradient, one backward pass."""
    evaluations = layer.solve(problem, tol).evaluations
    return evaluations + (len(layer.gradients(problem, tol, 1)[0].calls) if with_gradient else 0)


def _next_cost(before: int, last: int) -> float:
    return last**2 / max(1, before)


def follows_tolerance(
    name: str, layer: LayerUnderTest, problem: Problem, measure: Callable[[float], float]
) -> tuple[Measurement, ...]:
    """Return the measurements of an error that may be as large as the tolerance makes it, and no larger.

    Either it stays within the usual factor of every tolerance, or it shrinks with the tolerance as that of
    the lowest order does: a method of low order may exceed its tolerance by much, and is still right.
    """
    tolerances = affordable(layer, problem)
    errors = [measure(tol) for tol in tolerances]
    largest = max(error / tol for error, tol in zip(errors, tolerances, strict=True))
    growth = fit_growth(tolerances, errors, EPS)
    if largest <= TOLERANCE_FACTOR or math.isnan(growth):
        return (at_most(f"{name}, in units of the tolerance", largest, TOLERANCE_FACTOR),)
    return (at_most(f"growth exponent of {name} over the tolerance", growth, MAXIMUM_GROWTH),)
