"""Errors over a sweep of the tolerance, and whether they grow against it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.convergence import floor_of
from nodecheck.measure.tolerance import affordable, one_more
from nodecheck.numerics import FLOOR_FACTOR, MAXIMUM_GROWTH, fit_growth, relative_error
from nodecheck.numerics.constants import LARGEST_GRADIENT_EXCESS, MOST_EXTRA_TOLERANCES
from nodecheck.problems import Problem
from nodecheck.reference import sensitivity
from nodecheck.results import Inconclusive, Measurement, at_most


@dataclass(frozen=True)
class Sweep:
    """Errors over a tolerance sweep, by group, and the growth exponents of error/tol."""

    tolerances: tuple[float, ...]
    errors: dict[str, list[float]]
    growths: dict[str, float]


def sweep_tolerances(
    layer: LayerUnderTest,
    problem: Problem,
    errors_at: Callable[[float], dict[str, float]],
    *,
    with_gradient: bool = False,
) -> Sweep:
    """Return the sweep, with up to two tolerances more where an exponent is beyond its bound.

    Steps are whole: where there are four, the error jumps by a factor of six from one tolerance to the next
    (order eight), which may look like a plateau over three decades, and no longer over five.
    """
    tolerances = affordable(layer, problem, with_gradient=with_gradient)
    sweep = _measured(layer, problem, tolerances, errors_at)
    for _ in range(MOST_EXTRA_TOLERANCES):
        if all(growth <= MAXIMUM_GROWTH for growth in sweep.growths.values()):
            break
        tolerances = one_more(layer, problem, sweep.tolerances, with_gradient=with_gradient)
        if tolerances == sweep.tolerances:
            break
        sweep = _measured(layer, problem, tolerances, errors_at)
    return sweep


def _measured(
    layer: LayerUnderTest,
    problem: Problem,
    tolerances: tuple[float, ...],
    errors_at: Callable[[float], dict[str, float]],
) -> Sweep:
    by_level = [errors_at(tol) for tol in tolerances]
    errors = {group: [level[group] for level in by_level] for group in by_level[0]}
    growths = {group: _growth(layer, problem, tolerances, found) for group, found in errors.items()}
    return Sweep(tolerances, errors, growths)


def _growth(
    layer: LayerUnderTest, problem: Problem, tolerances: tuple[float, ...], errors: list[float]
) -> float:
    """Return the growth exponent.

    Raises
    ------
    Inconclusive
        If too few errors are above the floor for an exponent.
    """
    growth = exponent(layer, problem, tolerances, errors)
    if math.isnan(growth):
        above = f"{_floor(layer, problem):.1g}"
        message = f"fewer than three of {len(errors)} tolerances leave an error above {above} to judge"
        raise Inconclusive(message)
    return growth


def exponent(
    layer: LayerUnderTest, problem: Problem, tolerances: tuple[float, ...], errors: list[float]
) -> float:
    """Return the growth exponent: 0 if every error is at the floor, which no tolerance asks for, NaN if most.

    No tolerance excuses a value that is not finite: beside one the others would seem to shrink.  In a narrow
    dtype an error that never exceeds its tolerance may soon be at rounding, and then shrinks no further.
    """
    if not np.isfinite(errors).all():
        return math.inf
    floor = _floor(layer, problem)
    if layer.narrow and all(e <= max(tol, floor) for tol, e in zip(tolerances, errors, strict=True)):
        return 0.0
    return 0.0 if all(error <= floor for error in errors) else fit_growth(tolerances, errors, floor)


def _floor(layer: LayerUnderTest, problem: Problem) -> float:
    return FLOOR_FACTOR * floor_of(layer, problem)


def beside_the_state(layer: LayerUnderTest, problem: Problem, sweep: Sweep) -> Measurement:
    """Return the largest error of a gradient at the tightest tolerance, over that of y1 or the tolerance.

    Growth exponents cannot tell a backward pass at the square root of the tolerance (one half, at every
    order) from right methods, whose errors jump; here they differ by two powers of ten.
    """
    tol = sweep.tolerances[-1]
    state = relative_error(layer.solve(problem, tol).y1, sensitivity(problem).y1)
    largest = float(np.max([errors[-1] for errors in sweep.errors.values()]))
    name = f"error of the gradient over that of y1, or over the tolerance, at tol = {tol:g}"
    return at_most(name, largest / max(state, tol), LARGEST_GRADIENT_EXCESS)
