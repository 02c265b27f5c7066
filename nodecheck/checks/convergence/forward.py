"""The forward pass against the exact solution: its order, and its trajectory."""

from __future__ import annotations

from nodecheck.checks.check import check
from nodecheck.diagnosis.forward.explanations import explain_order, explain_stages
from nodecheck.diagnosis.forward.limited import explain_limits_of_state
from nodecheck.diagnosis.forward.reverse import explain_reverse
from nodecheck.diagnosis.limits import explain_limits
from nodecheck.layers import LayerUnderTest, attempt
from nodecheck.measure.controls import asymptotic, control, shows
from nodecheck.measure.convergence import forward_ladder, order_of, require_refinable, settled
from nodecheck.measure.discretisation import unexplained
from nodecheck.measure.energy import energy_over_time
from nodecheck.measure.limits import limit_measurements
from nodecheck.measure.pictures import phase_portrait
from nodecheck.measure.reverse_time import require_reverse_time
from nodecheck.numerics import INCONSISTENT_BELOW, ORDER_MARGIN, OrderFit
from nodecheck.numerics.constants import TRAJECTORY_PARTS
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
from nodecheck.reference.ivp import solve_ivp_states
from nodecheck.results import Evidence, Inconclusive, Measurement, at_least, at_most
from nodecheck.variations.units import iterates

_OTHERS = tuple(p for p in (*ORDER_PROBLEMS, cubic(1.0)) if p not in (spiral, neural, time_linear, logistic))


@check(
    title="Forward pass converges at its order",
    failure_title="Forward pass does not converge at its order",
    theme="Forward",
    kind="order",
    requires=frozenset({"fixed-step"}),
    problems=(neural, lotka_volterra),
    more=(("smoke", neural.reversed()),),
    features=frozenset({Feature.STATE_DEPENDENT, Feature.NONLINEAR}),
    own=True,
    cite="Hairer, Nørsett & Wanner (1993), sec. II.3: the global error of a method of order p is O(h^p)",
)
def forward_order(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Fit the order of the error of y1 over a refinement ladder, on a field with and one without time.

    Two-sided: an order far above the claim is as suspicious as one below it.  Our own solver of the claimed
    order runs on the same ladder first; where that does not show its order, the problem decides nothing.
    Without a claim the order is measured and reported.

    An error that does not depend on the step hides below that of a method of low order on every level of the
    ladder; it is what is left when the levels are extrapolated to a step of zero.

    One problem runs from the later to the earlier time.  A layer that refuses t1 < t0 with an error is
    `unsupported` there; one that answers must be right, and of its order: a method for negative steps may be
    another one than for positive steps.
    """
    if problem.duration < 0:
        return _order_in_reverse(layer, problem)
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
    metrics = ladder.metrics(layer, "y1", problem)
    if ladder.fit.exact:
        finest = ladder.at_floor("error of y1 on the finest grid")
        return Evidence((finest,), series=series, metrics=metrics)
    fitted = ladder.fit
    facts = {"order": f"{fitted.slope:z.2f}"} if problem.on_card else {}
    measurements = _order_measurements(fitted, claimed, problem)
    if claimed is None and Feature.TIME_DEPENDENT in features(problem) and fitted.asymptotic:
        measurements += _order_lost_to_time(layer, fitted)
    wrong = any(not m.holds for m in measurements)
    limits = () if wrong else _limits(layer, problem)
    if not all(m.holds for m in limits) and attempt(lambda: iterates(layer)) is True:
        limits = ()  # what an iteration to a tolerance leaves does not depend on the step
    measurements += limits
    diagnosis = explain_order(layer, problem, fitted, claimed) if wrong else explain_limits(limits)
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


def _limits(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    """Return the error of y1 that refinement leaves; none where no order is claimed and none is seen."""
    try:
        return limit_measurements(layer, order_of(layer), problem)
    except Inconclusive:
        return ()


def _order_lost_to_time(layer: LayerUnderTest, fitted: OrderFit) -> tuple[Measurement, ...]:
    """Return the loss of order when time enters the field: no method loses a whole order there."""
    autonomous = forward_ladder(layer, layer.counterpart(lotka_volterra)).fit
    if not autonomous.asymptotic:
        return ()
    lost = autonomous.slope - fitted.slope
    return (at_most("order lost when time enters the field", lost, ORDER_MARGIN),)


def _order_in_reverse(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Return the error of y1 beside the layer's own discretisation error, and the order from below."""
    require_reverse_time(layer, problem)
    require_refinable(layer, problem)
    found = unexplained(layer, problem, sensitivity(problem).y1)
    measurements = (
        at_most("difference to the reference, in reverse time", found.error, found.bound),
        *_reverse_order(layer, problem),
    )
    diagnosis = ""
    if not measurements[0].holds:
        diagnosis = (
            f"Where time runs backwards, at {found.n_steps} steps y1 is off by {found.error:.2g}, of which "
            f"refinement explains {found.estimate:.2g}: the layer converges to something else. "
            f"{explain_reverse(layer, problem, found.n_steps) or explain_limits_of_state(layer)}"
        ).strip()
    elif not all(m.holds for m in measurements):
        both = (problem, layer.counterpart(neural))
        slope, forwards = (forward_ladder(layer, p).fit.slope for p in both)
        diagnosis = (
            f"Order {slope:z.2f} where time runs backwards, {forwards:z.2f} where it runs forwards. "
            f"{explain_stages(layer, problem, layer.claims.order)}"
        ).strip()
    return Evidence(measurements, diagnosis)


def _reverse_order(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    """Return the order of y1 from below, where our own solver shows it and the layer has settled on one."""
    order = order_of(layer)
    own = control(layer, order)
    if own is None or not shows(forward_ladder(own, problem), order):
        return ()
    fitted = forward_ladder(layer, problem).fit
    if fitted.exact or fitted.rises_towards(order):
        return ()
    return (at_least("order of y1, in reverse time", fitted.slope, order - ORDER_MARGIN),)


@check(
    title="Forward pass agrees with solve_ivp",
    failure_title="Forward pass does not agree with solve_ivp",
    theme="Forward",
    kind="order",
    requires=frozenset({"fixed-step"}),
    problems=(spiral, neural, time_linear, logistic, *_OTHERS),
    own=True,
    cite="scipy.integrate.solve_ivp (DOP853); Hairer, Nørsett & Wanner (1993), sec. II.4: extrapolation",
)
def solve_ivp_agreement(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Compare the trajectory with that of `scipy.integrate.solve_ivp`, half-way and at t1.

    The layer is asked for the state at each of these times in turn.  The difference is held to the layer's
    own discretisation error, which is estimated from four grids of the layer itself, with the order that they
    show.  An error beyond that is no discretisation: the layer converges, but to something else.

    Of a layer of second order the energy of a pendulum is shown over some fifty turns, as information.
    """
    require_refinable(layer, problem)
    ends = trajectory_times(problem)
    states = solve_ivp_states(problem, ends)
    measurements, diagnosis = [], ""
    for part, end, exact in zip(TRAJECTORY_PARTS, ends, states, strict=True):
        until = problem if end == problem.t1 else problem.with_interval(problem.t0, end)
        found = unexplained(layer, until, exact, part)
        measurements.append(at_most(f"difference to solve_ivp at t = {end:g}", found.error, found.bound))
        if not measurements[-1].holds:
            diagnosis = (
                f"At t = {end:g}, with {found.n_steps} steps, the state is off by {found.error:.2g}, of "
                f"which refinement explains {found.estimate:.2g}: the layer converges to something else. "
                f"{explain_limits_of_state(layer)}"
            ).strip()
    if not problem.in_pictures:
        return Evidence(tuple(measurements), diagnosis)
    facts, curves = energy_over_time(layer)
    return Evidence(tuple(measurements), diagnosis, (*phase_portrait(layer, problem), *curves), facts)


def trajectory_times(problem: Problem) -> tuple[float, ...]:
    """Return the times at which a trajectory is compared with that of `solve_ivp`."""
    return tuple(problem.t0 + part * problem.duration for part in TRAJECTORY_PARTS)
