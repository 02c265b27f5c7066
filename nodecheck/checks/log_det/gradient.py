"""The gradient of a loss on the log-determinant, alone and beside the state."""

from __future__ import annotations

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.log_det.gradient import explain_gradient
from nodecheck.layers import Gradients, LayerUnderTest, largest_entry
from nodecheck.measure.gradient_orders import gradient_orders
from nodecheck.measure.log_det import (
    OF_LOG_DET,
    is_random,
    log_det_alone,
    posed_for,
    state_alone,
    with_its_weights,
)
from nodecheck.measure.log_det_orders import log_det_orders
from nodecheck.measure.scope import WITH_LOG_DET
from nodecheck.numerics import TOLERANCE_FACTOR
from nodecheck.numerics.constants import BATCH_STEPS, USUAL_TOLERANCE
from nodecheck.problems import Problem, neural_log_det
from nodecheck.reference import Feature
from nodecheck.results import Evidence, Inconclusive, Measurement, at_most


@check(
    title="Gradient of the log-determinant is right",
    failure_title="Gradient of the log-determinant is wrong",
    theme="Gradient",
    kind="order",
    requires=frozenset({"log-det"}),
    problems=(neural_log_det,),
    features=frozenset({Feature.STATE_DEPENDENT, Feature.NONLINEAR, Feature.NONSYMMETRIC}),
    needs="backward-pass",
    cite="Chen et al. (2018), sec. 4: the likelihood log p(y1) = log p(y0) − l is what a flow is trained on",
)
def log_det_gradient(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Send a cotangent back from l alone, and fit the order of the gradient's error.

    The loss of a flow has the state and the log-determinant in it.  So the gradient of a loss on both must
    also be the sum of the gradients of its two parts.

    The gradient must be that of the l that is returned.  Of an estimate by random noise it is that of the
    estimate itself: forward and backward pass have the same noise, whose weights are read off the forward
    pass as for `log-determinant`.

    Usual causes: l is computed under `torch.no_grad`, or from a divergence without `create_graph=True`, and
    carries no gradient; a custom backward pass drops the cotangent of its second output; an adjoint that
    evaluates the field anew draws another noise.  Remedies: keep the graph of the divergence; integrate
    (y, l) as one state, also backwards; keep the noise from the forward pass, as in ctx.
    """
    problem = _as_returned(layer, posed_for(layer, problem))
    measurements = (*gradient_orders(layer, problem, OF_LOG_DET), _of_both(layer, problem))
    wrong = any(not m.holds for m in measurements)
    if wrong:
        _require_own_value(layer, problem)
    diagnosis = explain_gradient(layer, problem) if wrong else ""
    return Evidence(measurements, diagnosis, facts=WITH_LOG_DET)


def _as_returned(layer: LayerUnderTest, problem: Problem) -> Problem:
    """Return the problem of the l that the layer returns: with other weights if it is not the right one."""
    right = not is_random(layer) and all(m.holds for m in log_det_orders(layer, problem))
    return problem if right else with_its_weights(layer, problem)


def _require_own_value(layer: LayerUnderTest, problem: Problem) -> None:
    """Raise `Inconclusive` if l itself is another one: then nothing is known that its gradient should be."""
    wrong = next((m for m in log_det_orders(layer, problem) if not m.holds), None)
    if wrong is not None:
        message = (
            f"l itself does not converge ({wrong.name}: {wrong.value:z.2g}, bound {wrong.bound:.2g}): the "
            f"forward pass decides, not the gradient"
        )
        raise Inconclusive(message)


def _of_both(layer: LayerUnderTest, problem: Problem) -> Measurement:
    """Return the difference of the gradient of a loss on both outputs to the sum of those of its parts."""
    (cotangent,) = layer.cotangents(problem, 1)
    resolution = layer.resolution(tol=USUAL_TOLERANCE, n_steps=BATCH_STEPS)
    both, state, log_det = (
        layer.pullback(problem, resolution, part).gradients
        for part in (cotangent, state_alone(cotangent), log_det_alone(cotangent))
    )
    excess = max(_difference(group, both, state, log_det) for group in both)
    evaluations = max(1, layer.solve(problem, resolution).evaluations)
    widest = max(value.size for value in problem.groups.values())
    bound = TOLERANCE_FACTOR * resolution if layer.adaptive else layer.roundoff(evaluations * widest)
    return at_most("gradient of both against the sum of its parts", excess, bound)


def _difference(group: str, both: Gradients, state: Gradients, log_det: Gradients) -> float:
    """Return the difference of one group, in units of the largest part."""
    found = [gradients[group] for gradients in (both, state, log_det)]
    shape = next((value.shape for value in found if value is not None), ())
    whole, *parts = (np.zeros(shape) if value is None else value for value in found)
    scale = max(map(largest_entry, (whole, *parts)))
    return largest_entry(whole - sum(parts)) / (scale or 1.0)
