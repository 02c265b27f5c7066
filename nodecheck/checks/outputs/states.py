"""The states at output times against the exact solution."""

from __future__ import annotations

from nodecheck.checks.check import check
from nodecheck.diagnosis.outputs.states import explain_states
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.controls import asymptotic, control
from nodecheck.measure.convergence import forward_ladder, order_of, settled
from nodecheck.measure.reverse_time import require_reverse_time
from nodecheck.measure.tolerance import follows_tolerance
from nodecheck.numerics import ORDER_MARGIN, relative_error
from nodecheck.problems import Problem, neural_at_outputs, neural_reversed_at_outputs
from nodecheck.reference import Feature, sensitivity
from nodecheck.results import Evidence, Measurement, Series, at_least


@check(
    title="States at output times converge at the layer's order",
    failure_title="States at output times do not converge at the layer's order",
    theme="Forward",
    kind="order",
    requires=frozenset({"output-times"}),
    problems=(neural_at_outputs,),
    more=(("smoke", neural_reversed_at_outputs),),
    features=frozenset({Feature.STATE_DEPENDENT, Feature.NONLINEAR}),
    own=True,
    cite="Hairer, Nørsett & Wanner (1993), sec. II.6: dense output",
)
def output_states(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Fit the order of the error over all output times, or sweep the tolerance of an adaptive layer.

    Most output times lie between the steps of a layer.  One that ends a step at each, or interpolates well
    enough (Hermite's cubic up to order four), keeps its order there; straight lines between steps leave an
    error of order two, whatever the method.  Our own solver of the order runs on the same ladder first.

    In one problem output times decrease.  A layer that refuses them with an error is `unsupported` there.
    """
    if problem.duration < 0:
        require_reverse_time(layer, problem)
    measurements = _within_tolerance(layer, problem) if layer.adaptive else _of_order(layer, problem)
    wrong = any(not m.holds for m in measurements)
    series = () if layer.adaptive else (_curve(layer, problem),)
    return Evidence(measurements, explain_states(layer, problem) if wrong else "", series)


def _of_order(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    order = order_of(layer)
    own = control(layer, order)
    if own is not None:
        asymptotic({"ys": forward_ladder(own, problem)}, order, problem)
    ladder = settled(
        lambda extra: forward_ladder(layer, problem, extra), lambda found: found.fit.rises_towards(order)
    )
    if ladder.fit.exact:
        return (ladder.at_floor("error of ys on the finest grid"),)
    return (at_least("order of ys", ladder.fit.slope, order - ORDER_MARGIN),)


def _within_tolerance(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    exact = sensitivity(problem).y1
    return follows_tolerance(
        "error of ys", layer, problem, lambda tol: relative_error(layer.solve(problem, tol).y1, exact)
    )


def _curve(layer: LayerUnderTest, problem: Problem) -> Series:
    """Return the error of the states over the ladder."""
    ladder = forward_ladder(layer, problem)
    return ladder.series("Forward error", problem.name, problem, layer.claims.order)
