"""Causes of a wrong gradient of the log-determinant."""

from __future__ import annotations

import numpy as np

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.convergence import gradient_errors
from nodecheck.measure.log_det import OF_LOG_DET, is_random, weights_of_gradient, weights_of_value
from nodecheck.numerics.constants import CLEAR_WEIGHT
from nodecheck.problems import Problem
from nodecheck.results.phrases import in_per_cent


def explain_gradient(layer: LayerUnderTest, problem: Problem) -> str:
    """Return the weights that the backward pass gives to the trace, beside those of the forward pass.

    For y' = A y, l is linear in A.  So its gradient shows the weights that the backward pass gives to the
    entries of the Jacobian, and they have to be those of the forward pass.
    """
    forward, backward = weights_of_value(layer), weights_of_gradient(layer)
    if not np.max(np.abs(backward)) > CLEAR_WEIGHT:
        return (
            "No gradient arrives from l: it is detached, or the backward pass drops its cotangent. Compute "
            "the divergence with create_graph=True, and outside of torch.no_grad."
        )
    factor = float(np.vdot(forward, backward) / np.vdot(forward, forward))
    alike = bool(np.max(np.abs(backward - factor * forward)) <= CLEAR_WEIGHT)
    if not alike and is_random(layer):
        return (
            "The backward pass has another noise than the forward pass: it is drawn again. Keep the noise of "
            "the forward pass, as in ctx."
        )
    if alike and abs(factor - 1) > CLEAR_WEIGHT:
        sign = ": its sign is wrong" if abs(factor + 1) <= CLEAR_WEIGHT else ""
        return f"The gradient is {factor:.3g} times that of l{sign}."
    return _worst_groups(layer, problem)


def _worst_groups(layer: LayerUnderTest, problem: Problem) -> str:
    """Return the groups whose gradient is off, where l is linear in the parameters no more."""
    resolution = layer.tolerances()[-1] if layer.adaptive else layer.ladder()[-1]
    errors = gradient_errors(layer, problem, resolution, OF_LOG_DET)
    judged = {group: errors[group] for group in OF_LOG_DET.groups(problem)}
    worst = max(judged, key=lambda group: np.nan_to_num(judged[group], nan=np.inf))
    return (
        f"At {layer.claims.resolution} = {resolution:g}, ∂l/∂{worst} is off by "
        f"{in_per_cent(judged[worst])}. Where the field is linear the gradient is right: what is missing are "
        f"second derivatives of the field, or the way over the state. Differentiate the divergence with "
        f"create_graph=True."
    )
