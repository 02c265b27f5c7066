"""The gradient of a loss on the states at all output times."""

from __future__ import annotations

import math

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.outputs.gradient import explain_gradient
from nodecheck.layers import Array, LayerUnderTest
from nodecheck.measure.convergence import forward_ladder, gradient_ladders, order_of
from nodecheck.measure.gradient_orders import gradient_orders
from nodecheck.measure.output_pictures import pictures_at_outputs
from nodecheck.measure.own_derivative import own_derivative_distance
from nodecheck.measure.reverse_time import require_reverse_time
from nodecheck.numerics import ORDER_MARGIN
from nodecheck.numerics.constants import BATCH_STEPS, USUAL_TOLERANCE
from nodecheck.problems import Problem, neural_at_outputs, quarter_reversed_at_outputs
from nodecheck.reference import Feature
from nodecheck.results import Evidence, Inconclusive, Measurement, at_most


@check(
    title="Gradient through output times is right",
    failure_title="Gradient through output times is wrong",
    theme="Gradient",
    kind="order",
    requires=frozenset({"output-times"}),
    problems=(neural_at_outputs,),
    more=(("smoke", quarter_reversed_at_outputs),),
    features=frozenset({Feature.STATE_DEPENDENT, Feature.NONSYMMETRIC, Feature.NONNORMAL, Feature.MOVING}),
    own=True,
    needs="backward-pass",
    cite="Chen et al. (2018), app. B: the adjoint jumps by ∂L/∂y(t_k) at every output time",
)
def output_gradients(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Send a cotangent back from every output time at once, and fit the order of the gradient's error.

    The adjoint runs from t1 back to t0 and jumps by the cotangent of each output on its way.  A jump that is
    forgotten, doubled or made in another place leaves an error that no step removes.  For an adaptive layer
    the error must follow the tolerance.

    The state at t0 is y0: the gradient for a cotangent there alone is that cotangent, and nothing for the
    parameters.

    In one problem output times decrease.  A layer that refuses them with an error is `unsupported` there.

    Usual causes, and what to do:

    - Only the last cotangent is used: add the cotangent of each output to the adjoint at its time.
    - The cotangent of ys[0] is left out: it is added to ∂L/∂y0 as it is.
    - An index is off by one, or cotangents are read from the first to the last: time runs back, so should k.
    - The adjoint of an interval starts from another state than the one that was returned at its end.
    - Parameter gradients start at zero in each interval: they are summed over all.
    """
    if problem.duration < 0:
        require_reverse_time(layer, problem, with_gradient=True)
    measurements = gradient_orders(layer, problem) + _at_the_start(layer, problem)
    wrong = any(not m.holds for m in measurements)
    if wrong and not layer.adaptive:
        _require_accurate_states(layer, problem)
    drawn = problem.duration > 0
    series = pictures_at_outputs(layer, problem, layer.cotangents(problem)[0]) if drawn else ()
    if not wrong:
        return Evidence(measurements, series=series)
    diagnosis, arrivals = explain_gradient(layer, problem)
    return Evidence(measurements, diagnosis, (*arrivals, *series))


def _require_accurate_states(layer: LayerUnderTest, problem: Problem) -> None:
    """Raise `Inconclusive` if the states do not converge as they should, and explain the whole error."""
    states, order = forward_ladder(layer, problem).fit, order_of(layer)
    slope = states.slope
    if states.exact or slope >= order - ORDER_MARGIN:
        return
    if own_derivative_distance(layer, problem, layer.few_steps).at_rounding:
        found = "the gradient is the derivative of the layer's own states, to rounding; those"
    elif _slowest(layer, problem) >= slope - ORDER_MARGIN:
        found = "the gradient converges as fast as the states from which the adjoint starts; those"
    else:
        return
    message = (
        f"{found} converge at order {slope:z.2f}, not {order}: the forward pass decides, not the gradient"
    )
    raise Inconclusive(message)


def _slowest(layer: LayerUnderTest, problem: Problem) -> float:
    """Return the lowest order of a gradient that has not reached rounding."""
    fits = (ladder.fit for ladder in gradient_ladders(layer, problem).values())
    return min((fit.slope for fit in fits if not fit.exact), default=math.inf)


def _at_the_start(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    """Return the errors for a cotangent at t0 alone: it is ∂L/∂y0, and the others are zero."""
    cotangent = layer.cotangents(problem, 1)[0].copy()
    cotangent[1:] = 0.0
    resolution = USUAL_TOLERANCE if layer.adaptive else BATCH_STEPS
    found = layer.pullback(problem, resolution, cotangent).gradients
    scale = float(np.max(np.abs(cotangent)))
    bound = layer.roundoff(max(1, layer.solve(problem, resolution).evaluations))
    at_start = _largest(found["y0"], cotangent[0]) / scale
    elsewhere = max(_largest(value) for name, value in found.items() if name != "y0") / scale
    return (
        at_most("difference of ∂L/∂y0 to a cotangent at t0 alone", at_start, bound),
        at_most("parameter gradient for a cotangent at t0 alone", elsewhere, bound),
    )


def _largest(value: Array | None, expected: Array | float = 0.0) -> float:
    return float(np.max(np.abs((0.0 if value is None else value) - expected), initial=0.0))
