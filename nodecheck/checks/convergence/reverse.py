"""Time running backwards: the state and its gradient where t1 < t0."""

from __future__ import annotations

from nodecheck.backends.torch.dynamics import RunawayError
from nodecheck.checks.check import check
from nodecheck.checks.convergence.forward import agreement
from nodecheck.checks.convergence.gradient import gradient_order
from nodecheck.checks.tolerance.sweep import gradient_tolerance
from nodecheck.layers import LayerUnderTest
from nodecheck.layers.attempt import Refusal, attempt
from nodecheck.measure.controls import control, shows
from nodecheck.measure.convergence import forward_ladder, order_of
from nodecheck.measure.tolerance import affordable, follows_tolerance
from nodecheck.numerics import ORDER_MARGIN, relative_error
from nodecheck.problems import Problem, neural, time_linear
from nodecheck.reference import Feature, sensitivity
from nodecheck.results import Evidence, Measurement, Unsupported, at_least

# A quarter of the interval: there our own solvers of order one to five show their order for every group, or
# are exact to rounding.  On half of it that of order five shows it for one group, on all of it others do not.
_QUARTER = neural.with_interval(neural.t1, neural.t1 - neural.duration / 4).replace(
    name="neural_reversed_quarter"
)
# Which way time runs changes nothing about what a step costs, and little about how an iteration in it
# converges; one that does not converge is stopped here, long before memory is full.
_RUNAWAY = 20


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
        slope, forwards = (forward_ladder(layer, p).fit.slope for p in (problem, neural))
        diagnosis = f"Order {slope:z.2f} where time runs backwards, {forwards:z.2f} where it runs forwards."
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
    problems=(_QUARTER,),
    features=frozenset({Feature.STATE_DEPENDENT, Feature.NONSYMMETRIC, Feature.NONNORMAL, Feature.MOVING}),
    needs="backward-pass",
    profile="ci",
    cite="Chen et al. (2018), sec. 2: the adjoint equation holds for either direction of time",
)
def reverse_time_gradient(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Ask of the gradient for t1 < t0 what is asked of it for t0 < t1.

    A sign, a sort or a comparison of times that suits one direction is enough for a gradient that is wrong in
    the other, below a forward pass that is right.  The error of every group must shrink at the order of the
    layer, or follow its tolerance.  A layer that refuses t1 < t0 with an error is `unsupported`, and so is
    one that then goes on evaluating the field long after it would have been done where time runs forwards.
    """
    outcome = attempt(lambda: _limited_pass(layer, problem))
    if isinstance(outcome, Refusal) and isinstance(outcome.error, RunawayError):
        message = f"{outcome.error}, {_RUNAWAY} times what a pass forwards in time takes"
        raise Unsupported(message)
    if isinstance(outcome, Refusal):
        raise Unsupported(str(outcome))
    forward_in_time = gradient_tolerance if layer.adaptive else gradient_order
    evidence = forward_in_time.measure(layer, problem)
    return Evidence(evidence.measurements, evidence.diagnosis)


def _limited_pass(layer: LayerUnderTest, problem: Problem) -> None:
    """Run one forward and one backward pass that may cost so many times what they cost forwards in time.

    Raises
    ------
    RunawayError
        In the layer, if they cost more.
    """
    resolution = layer.tolerances()[0] if layer.adaptive else layer.ladder()[0]
    forwards = layer.solve(neural, resolution).evaluations + len(
        layer.gradients(neural, resolution, 1)[0].calls
    )
    solution = layer.fresh(problem, resolution)
    solution.trace.limit = _RUNAWAY * forwards
    solution.pullback(layer.cotangents(problem, 1)[0])
