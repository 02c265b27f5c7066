"""The order at which the log-determinant converges, or how its error follows the tolerance."""

from __future__ import annotations

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.controls import asymptotic, control
from nodecheck.measure.convergence import Ladder, fit_of, order_of, require_refinable, settled
from nodecheck.measure.log_det import log_det
from nodecheck.measure.tolerance import follows_tolerance
from nodecheck.numerics import ORDER_MARGIN, relative_error
from nodecheck.problems import Problem
from nodecheck.reference import sensitivity
from nodecheck.results import Measurement, at_least


def log_det_orders(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    """Return the order of l over a ladder of steps, or its error over a sweep of tolerances."""
    return _within_tolerance(layer, problem) if layer.adaptive else _of_order(layer, problem)


def _of_order(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    require_refinable(layer, problem)
    order = order_of(layer)
    own = control(layer, order)
    if own is not None:
        asymptotic({"l": _ladder(own, problem)}, order, problem)
    ladder = settled(
        lambda extra: _ladder(layer, problem, extra), lambda found: found.fit.rises_towards(order)
    )
    if ladder.fit.exact:
        return (ladder.at_floor("error of l on the finest grid"),)
    return (at_least("order of l", ladder.fit.slope, order - ORDER_MARGIN),)


def _ladder(layer: LayerUnderTest, problem: Problem, extra: int = 0) -> Ladder:
    levels = layer.levels(problem, extra)
    exact = sensitivity(problem).y1[..., -1]
    errors = [relative_error(log_det(layer, problem, n), exact) for n in levels]
    return fit_of(layer, problem, levels, errors)


def _within_tolerance(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    exact = sensitivity(problem).y1[..., -1]
    return follows_tolerance(
        "error of l", layer, problem, lambda tol: relative_error(log_det(layer, problem, tol), exact)
    )
