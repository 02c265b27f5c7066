"""Errors that must follow the tolerance of an adaptive layer, measured over a sweep."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.controls import control
from nodecheck.numerics import (
    HIGH_ORDER,
    MAXIMUM_GROWTH,
    MINIMUM_LEVELS,
    ORDER_MARGIN,
    TOLERANCE_FACTOR,
    fit_growth,
    relative_error,
)
from nodecheck.numerics.constants import (
    CLEAR_RISE,
    ENOUGH_TOLERANCES,
    ENOUGH_TOLERANCES_IF_SMOOTH,
    LARGEST_EXCESS,
    MANY_EVALUATIONS,
    MOST_EXTRA_TOLERANCES,
    ORDERS_LOST,
    SCIPY_PAIRS,
)
from nodecheck.problems import Problem, is_own
from nodecheck.reference import sensitivity, solve_adaptive
from nodecheck.results import Measurement, at_least, at_most


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
        smooth = bool(costs) and costs[0] >= MANY_EVALUATIONS
        enough = ENOUGH_TOLERANCES_IF_SMOOTH if smooth else ENOUGH_TOLERANCES
        if len(costs) >= enough and _next_cost(*costs[-2:]) > layer.profile.evaluations:
            break
        costs.append(_cost(layer, problem, tol, with_gradient=with_gradient))
    return layer.tolerances()[: len(costs)]


def one_more(
    layer: LayerUnderTest, problem: Problem, tolerances: tuple[float, ...], *, with_gradient: bool = False
) -> tuple[float, ...]:
    """Return the sweep with one more tolerance at its tight end, unless that is too dear or too tight."""
    costs = [_cost(layer, problem, tol, with_gradient=with_gradient) for tol in tolerances[-2:]]
    if _next_cost(*costs) > layer.profile.evaluations:
        return tolerances
    tighter = tolerances[-1] * tolerances[-1] / tolerances[-2]
    return (*tolerances, tighter) if tighter >= layer.tightest * (1 - layer.eps) else tolerances


def _cost(layer: LayerUnderTest, problem: Problem, tol: float, *, with_gradient: bool) -> int:
    """Return the evaluations of one forward and, with the gradient, one backward pass."""
    evaluations = layer.solve(problem, tol).evaluations
    return evaluations + (len(layer.gradients(problem, tol, 1)[0].calls) if with_gradient else 0)


def _next_cost(before: int, last: int) -> float:
    return last**2 / max(1, before)


def growth_above(tolerances: Sequence[float], errors: Sequence[float], floor: float) -> float:
    """Return the growth exponent of error/tol over the whole sweep; 0 where it ends at the floor.

    Where steps are long an error that does not follow the tolerance jumps by any factor: every level counts.
    No tolerance excuses a state that is not finite.
    """
    if not np.isfinite(errors).all():
        return math.inf
    if errors[-1] <= floor:
        return 0.0
    return 1.0 - float(np.polyfit(np.log(tolerances), np.log(np.maximum(errors, floor)), 1)[0])


def order_against_claim(
    layer: LayerUnderTest, problem: Problem, tolerances: Sequence[float], errors: Sequence[float]
) -> tuple[Measurement, ...]:
    """Return the order of the error against evaluations, if one is claimed and the sweep shows it.

    Of the whole sweep and its tight end, whichever is higher: the one suffers from what is not yet
    asymptotic, the other from errors that jump.  Methods of higher order end in rounding before they settle.
    """
    order = layer.claims.order
    if order is None or order > HIGH_ORDER or not np.isfinite(errors).all():
        return ()
    evaluations = [layer.solve(problem, tol).evaluations for tol in tolerances]
    tight_end = max(0, len(evaluations) - MINIMUM_LEVELS - 1)
    if not evaluations[-1] >= CLEAR_RISE * max(1, evaluations[tight_end]):
        return ()
    log_n, log_e = (
        np.log(np.maximum(evaluations, 1)),
        np.log(np.maximum(errors, layer.floor(evaluations[-1]))),
    )
    observed = max(-float(np.polyfit(log_n[s:], log_e[s:], 1)[0]) for s in (0, tight_end))
    return (at_least("observed order against evaluations", observed, order - ORDERS_LOST - ORDER_MARGIN),)


def error_beside_controls(
    layer: LayerUnderTest, problem: Problem, tolerances: Sequence[float], errors: Sequence[float]
) -> tuple[Measurement, ...]:
    """Return the error over that of right methods of the claimed order, at the tight end of the sweep.

    An error may follow the tolerance and be far too large: that of one wrong step in a hundred, the one that
    is interpolated to t1.  Pairs differ in what their estimates promise, implicit methods in what a step
    costs.  So the layer is held to the nearer of two: SciPy's pair at the same tolerance, and our own solver
    at as many evaluations in equal steps.  Without local extrapolation an order is lost, and may be.

    The position of t1 within the last step sharpens nothing.  While t1 moves over a step, the error of a
    layer that ends its steps at t1 changes by a factor of two at most, of four for variable order.  That of
    one that interpolates changes by 14 to 2000 if its interpolant is wrong, but by 19 for torchdiffeq's
    dopri5, 40 for its bosh3 and 110 for its dopri8, too: an interpolant of usual degree also errs by more
    than the step, and is exact at both ends.  Wrong and usual ones differ in the size of the error alone,
    with 2 to 8 tolerances for that dopri5, up to 600 for bosh3 and 900 for dopri8, and 12 to 60 for a cubic.

    On a field of the user's own an error below the tolerance is what was asked for.  Where one step spans the
    interval, methods that end it at t1 are a thousand times better than asked for.
    """
    order = layer.claims.order
    if is_own(problem) and all(e <= tol for e, tol in zip(errors, tolerances, strict=True)):
        return ()
    own = control(layer, order) if order is not None else None
    if order is None or own is None or not np.isfinite(errors).all():
        return ()
    evaluations = [max(1, layer.solve(problem, tol).evaluations) for tol in tolerances]
    excesses = [
        error / _control_error(own, problem, tol, n) / (n / evaluations[0]) ** ORDERS_LOST
        for tol, error, n in zip(tolerances, errors, evaluations, strict=True)
    ]
    name = f"error over that of a right method of order {order}"
    return (at_most(name, float(np.median(excesses[-MINIMUM_LEVELS - 1 :])), LARGEST_EXCESS),)


def _control_error(own: LayerUnderTest, problem: Problem, tol: float, evaluations: int) -> float:
    """Return the larger error of two right methods: at this tolerance, and at this cost."""
    exact = sensitivity(problem).y1
    method = "RK23" if (own.claims.order or 1) < SCIPY_PAIRS else "RK45"
    steps = max(1, round(evaluations / own.evaluations_per_step(problem)))
    at_cost = relative_error(own.solve(problem, steps).y1, exact)
    at_tolerance = relative_error(solve_adaptive(problem, tol, method)[0], exact)
    return float(np.nanmax([at_cost, at_tolerance, own.roundoff(evaluations)]))


def follows_tolerance(
    name: str,
    layer: LayerUnderTest,
    problem: Problem,
    measure: Callable[[float], float],
    *,
    tolerances: tuple[float, ...] = (),
    with_gradient: bool = False,
) -> tuple[Measurement, ...]:
    """Return the measurements of an error that may be as large as the tolerance makes it, and no larger.

    Either it stays within the usual factor of every tolerance, or it shrinks with the tolerance as that of
    the lowest order does: a method of low order may exceed its tolerance by much, and is still right.
    Tolerances are those that the profile can afford for the forward pass, unless others are given.  Steps are
    whole, so the errors jump: where they grow too fast, up to two tighter tolerances decide.
    """
    tolerances = tolerances or affordable(layer, problem)
    errors = [measure(tol) for tol in tolerances]
    for _ in range(MOST_EXTRA_TOLERANCES):
        found = _judged(layer, name, tolerances, errors)
        more = (
            tolerances
            if found.holds or not math.isfinite(found.value)
            else one_more(layer, problem, tolerances, with_gradient=with_gradient)
        )
        if more == tolerances:
            return (found,)
        tolerances, errors = more, [*errors, measure(more[-1])]
    return (_judged(layer, name, tolerances, errors),)


def _judged(
    layer: LayerUnderTest, name: str, tolerances: Sequence[float], errors: Sequence[float]
) -> Measurement:
    largest = float(np.max(np.divide(errors, tolerances)))
    growth = fit_growth(tolerances, errors, layer.eps)
    if largest <= TOLERANCE_FACTOR or math.isnan(growth) or not math.isfinite(largest):
        return at_most(f"{name}, in units of the tolerance", largest, TOLERANCE_FACTOR)
    return at_most(f"growth exponent of {name} over the tolerance", growth, MAXIMUM_GROWTH)
