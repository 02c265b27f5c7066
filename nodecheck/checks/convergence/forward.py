"""The forward pass against the exact solution: order and agreement."""

from __future__ import annotations

import itertools
import math

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.forward.explanations import explain_order
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.controls import asymptotic, control
from nodecheck.measure.convergence import floor_of, forward_ladder, order_of, require_refinable, settled
from nodecheck.measure.pictures import phase_portrait
from nodecheck.numerics import (
    INCONSISTENT_BELOW,
    ORDER_MARGIN,
    OrderFit,
    relative_error,
    richardson,
    rms,
)
from nodecheck.problems import (
    ORDER_PROBLEMS,
    Problem,
    cubic,
    logistic,
    lotka_volterra,
    neural,
    spiral,
    time_linear,
)
from nodecheck.reference import Feature, features, sensitivity
from nodecheck.results import Evidence, Inconclusive, Measurement, at_least, at_most

_OTHERS = tuple(p for p in (*ORDER_PROBLEMS, cubic(1.0)) if p not in (spiral, neural, time_linear, logistic))
# A Richardson estimate is right to first order in h: in the asymptotic window it errs by less than half.
_ESTIMATE_MARGIN = 2.0


@check(
    title="Forward pass converges at its order",
    failure_title="Forward pass does not converge at its order",
    theme="Forward",
    kind="order",
    applies_to="fixed-step",
    problems=(neural, lotka_volterra),
    features=frozenset({Feature.STATE_DEPENDENT, Feature.NONLINEAR}),
    cite="Hairer, Nørsett & Wanner (1993), sec. II.3: the global error of a method of order p is O(h^p)",
)
def forward_order(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Fit the order of the error of y1 over a refinement ladder, on a field with and one without time.

    Two-sided: an order far above the claim is as suspicious as one below it.  Our own solver of the claimed
    order runs on the same ladder first; where that does not show its order, the problem decides nothing.
    Without a claim the order is measured and reported.
    """
    claimed = layer.claims.order
    own = control(layer, claimed) if claimed is not None else None
    if own is not None:
        asymptotic({"y1": forward_ladder(own, problem)}, own.claims.order or 1, problem)
    ladder = settled(
        lambda extra: forward_ladder(layer, problem, extra),
        lambda ladder: (
            ladder.fit.rises_towards(claimed or INCONSISTENT_BELOW)
            or (claimed is not None and ladder.fit.falls_towards(claimed))
        ),
    )
    series = (ladder.series("Forward error", problem.name, problem, claimed),)
    metrics = ladder.metrics("y1", problem)
    if ladder.fit.exact:
        finest = ladder.at_floor("error of y1 on the finest grid")
        return Evidence((finest,), series=series, metrics=metrics)
    fitted = ladder.fit
    facts = {"order": f"{fitted.slope:z.2f}"} if problem is neural else {}
    measurements = _order_measurements(fitted, claimed, problem)
    if claimed is None and problem is neural and fitted.asymptotic:
        measurements += _order_lost_to_time(layer, fitted)
    wrong = any(not m.holds for m in measurements)
    diagnosis = explain_order(layer, problem, fitted, claimed) if wrong else ""
    return Evidence(measurements, diagnosis, series, facts, metrics)


def _order_measurements(fitted: OrderFit, claimed: int | None, problem: Problem) -> tuple[Measurement, ...]:
    """Return the observed order against the claim, from below and, where it has settled, from above.

    Not from above on a field without time: linearly implicit and exponential methods that leave ∂f/∂t out are
    of order two there, and of order one elsewhere.
    """
    if claimed is None:
        return (at_least("observed order", fitted.slope, INCONSISTENT_BELOW),)
    if fitted.rises_towards(claimed):
        successive = ", ".join(f"{s:z.2f}" for s in fitted.pairwise)
        message = f"not asymptotic: successive orders {successive}, {claimed} claimed"
        raise Inconclusive(message)
    lower = at_least("observed order", fitted.slope, claimed - ORDER_MARGIN)
    upper = at_most("observed order, from above", fitted.slope, claimed + ORDER_MARGIN)
    settled = fitted.asymptotic and not fitted.falls_towards(claimed)
    judged_from_above = settled and Feature.TIME_DEPENDENT in features(problem)
    return (lower, upper) if judged_from_above else (lower,)


def _order_lost_to_time(layer: LayerUnderTest, fitted: OrderFit) -> tuple[Measurement, ...]:
    """Return by how much the order falls when time enters the field: no method loses a whole order there."""
    autonomous = forward_ladder(layer, lotka_volterra).fit
    if not autonomous.asymptotic:
        return ()
    lost = autonomous.slope - fitted.slope
    return (at_most("order lost when time enters the field", lost, ORDER_MARGIN),)


@check(
    title="Forward pass agrees with solve_ivp",
    failure_title="Forward pass does not agree with solve_ivp",
    theme="Forward",
    kind="order",
    applies_to="fixed-step",
    problems=(spiral, neural, time_linear, logistic, *_OTHERS),
    cite="scipy.integrate.solve_ivp (DOP853); Hairer, Nørsett & Wanner (1993), sec. II.4: extrapolation",
)
def solve_ivp_agreement(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Compare y1 with the reference and hold the difference to the layer's own discretisation error.

    That error is estimated from four grids of the layer itself, with the order that they show.  What is
    left over is not discretisation: the layer converges, but to something else.
    """
    return agreement(layer, problem)


def agreement(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Hold the difference to the reference to twice the layer's own discretisation error."""
    require_refinable(layer, problem)
    levels = layer.ladder(4)
    error, estimate = _unexplained(layer, problem, levels)
    floor = floor_of(problem, levels[-1])
    order = layer.claims.order
    own = control(layer, order) if order is not None else None
    if own is not None:
        own_error, own_estimate = _unexplained(own, problem, levels)
        if own_error > _ESTIMATE_MARGIN * own_estimate + floor:
            message = f"{problem.name} is not asymptotic at {levels[-1]} steps for our own order {order}"
            raise Inconclusive(message)
    bound = _ESTIMATE_MARGIN * estimate + floor
    diagnosis = ""
    if not error <= bound:
        diagnosis = (
            f"At {levels[-1]} steps y1 is off by {error:.2g}, of which refinement explains {estimate:.2g}: "
            f"the layer converges to something else."
        )
    series = phase_portrait(layer, problem) if problem is spiral else ()
    return Evidence((at_most("difference to solve_ivp", error, bound),), diagnosis, series)


def _unexplained(layer: LayerUnderTest, problem: Problem, levels: tuple[int, ...]) -> tuple[float, float]:
    """Return the relative error on the finest of four levels and its estimate from all of them.

    The changes may shrink faster than the order for a while, as a fast part of the error dies out, so the
    order is that of the layer at most.  Where successive changes do not agree on one, the slowest consistent
    convergence is assumed.
    """
    exact = sensitivity(problem).y1
    states = [layer.solve(problem, n).y1.astype(np.float64) for n in levels]
    changes = [rms(fine - coarse) for coarse, fine in itertools.pairwise(states)]
    orders = [math.log2(a / b) if 0 < b < a else 0.0 for a, b in itertools.pairwise(changes)]
    agree = max(orders) - min(orders) <= ORDER_MARGIN
    slowest = min(*orders, order_of(layer)) if agree else INCONSISTENT_BELOW
    order = max(slowest, INCONSISTENT_BELOW)
    return relative_error(states[-1], exact), richardson(states[-2], states[-1], order) / rms(exact)
