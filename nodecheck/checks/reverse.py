"""Time running backwards: the state and its gradient where t1 < t0."""

from __future__ import annotations

from nodecheck.checks.adaptive import gradient_tolerance
from nodecheck.checks.base import Refusal, Unsupported, attempt, check
from nodecheck.checks.controls import control, shows
from nodecheck.checks.forward import agreement
from nodecheck.checks.gradient import gradient_order
from nodecheck.checks.ladders import forward_ladder, order_of
from nodecheck.checks.tolerance import affordable, follows_tolerance
from nodecheck.layers import LayerUnderTest
from nodecheck.numerics import ORDER_MARGIN, relative_error
from nodecheck.problems import Problem, linear, neural, time_linear
from nodecheck.reference import Feature, sensitivity
from nodecheck.results import Evidence, Measurement, at_least

# Half the interval: our own solvers of order one to four show their order for every group, and that of five
# for one.  On the linear problem all of them do.
_HALF = neural.with_interval(neural.t1, (neural.t0 + neural.t1) / 2).replace(name="neural_reversed_half")


@check(
    title="Time can run backwards",
    failure_title="Time does not run backwards correctly",
    theme="Forward",
    kind="order",
    problems=(time_linear.reversed(), neural.reversed()),
    cite="torchdiffeq documentation: times may be strictly decreasing",
)
def reverse_time(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Integrate from the later to the earlier time and compare with the reference.

    A layer that refuses t1 < t0 with an error is `unsupported`; one that answers must be right, and of its
    order: a method for negative steps may be another one than for positive steps.
    """
    outcome = attempt(lambda: layer.solve(problem, layer.tolerances()[0] if layer.adaptive else 16))
    if isinstance(outcome, Refusal):
        raise Unsupported(str(outcome))
    if layer.adaptive:
        return _adaptive_agreement(layer, problem)
    agreed = agreement(layer, problem)
    measurements = (*agreed.measurements, *_order(layer, problem))
    diagnosis = agreed.diagnosis
    if not diagnosis and not all(m.holds for m in measurements):
        slope = forward_ladder(layer, problem).fit.slope
        diagnosis = f"Order {slope:.2f} where time runs backwards, order {order_of(layer)} where it does not."
    return Evidence(measurements, diagnosis)


def _order(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    """Return the order of y1 from below, where our own solver shows it and the layer has settled on one."""
    order = order_of(layer)
    own = control(layer, order)
    if own is None or not shows(forward_ladder(own, problem), order):
        return ()
    fitted = forward_ladder(layer, problem).fit
    if fitted.exact or fitted.rises_towards(order):
        return ()
    return (at_least("order of y1", fitted.slope, order - ORDER_MARGIN),)


def _adaptive_agreement(layer: LayerUnderTest, problem: Problem) -> Evidence:
    exact = sensitivity(problem).y1
    measurements = follows_tolerance(
        "error of y1", layer, problem, lambda tol: relative_error(layer.solve(problem, tol).y1, exact)
    )
    tightest = affordable(layer, problem)[-1]
    error = relative_error(layer.solve(problem, tightest).y1, exact)
    wrong = any(not m.holds for m in measurements)
    diagnosis = f"At tol = {tightest:g} y1 is off by {error:.2g}." if wrong else ""
    return Evidence(measurements, diagnosis)


@check(
    title="Gradient is right where time runs backwards",
    failure_title="Gradient is wrong where time runs backwards",
    theme="Gradient",
    kind="order",
    problems=(_HALF, linear.reversed()),
    features=frozenset({Feature.STATE_DEPENDENT, Feature.NONSYMMETRIC, Feature.NONNORMAL, Feature.MOVING}),
    needs="backward-pass",
    profile="ci",
    cite="Chen et al. (2018), sec. 2: the adjoint equation holds for either direction of time",
)
def reverse_time_gradient(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Ask of the gradient for t1 < t0 what is asked of it for t0 < t1.

    A sign, a sort or a comparison of times that suits one direction is enough for a gradient that is wrong in
    the other, below a forward pass that is right.  The error of every group must shrink at the order of the
    layer, or follow its tolerance.  A layer that refuses t1 < t0 with an error is `unsupported`.
    """
    resolution = layer.tolerances()[0] if layer.adaptive else layer.ladder()[0]
    outcome = attempt(lambda: layer.gradients(problem, resolution, 1))
    if isinstance(outcome, Refusal):
        raise Unsupported(str(outcome))
    forward_in_time = gradient_tolerance if layer.adaptive else gradient_order
    evidence = forward_in_time.measure(layer, problem)
    return Evidence(evidence.measurements, evidence.diagnosis)
