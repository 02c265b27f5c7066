"""What must follow the tolerance of an adaptive layer, measured over a sweep."""

from __future__ import annotations

import math
from collections.abc import Callable

from nodecheck.layers import LayerUnderTest
from nodecheck.numerics import EPS, MAXIMUM_GROWTH, TOLERANCE_FACTOR, fit_growth
from nodecheck.problems import Problem
from nodecheck.results import Measurement, at_most

_ENOUGH = 4


def affordable(layer: LayerUnderTest, problem: Problem, *, with_gradient: bool = False) -> tuple[float, ...]:
    """Return the tolerances of the sweep up to the first that costs more than the profile allows."""
    sweep = []
    for tol in layer.tolerances():
        sweep.append(tol)
        evaluations = layer.solve(problem, tol).evaluations
        if with_gradient:
            evaluations += len(layer.gradients(problem, tol, 1)[0].calls)
        if evaluations > layer.profile.evaluations:
            # Four levels decide; one that is too dear is kept only where there are fewer.
            return tuple(sweep[:-1] if len(sweep) > _ENOUGH else sweep)
    return tuple(sweep)


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
