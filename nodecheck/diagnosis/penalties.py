"""Causes of second derivatives that are dropped or wrong: what arrives of the penalty."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nodecheck.layers import Array, LayerUnderTest
from nodecheck.numerics import rms
from nodecheck.numerics.constants import EXPLAINED_SHARE
from nodecheck.problems import Problem
from nodecheck.reference import PenaltyGradient, penalty_gradient, sensitivity
from nodecheck.results.phrases import in_per_cent
from nodecheck.variations.penalties import Penalty, exact_penalty, penalised, penalty_part

_DROPPED = (
    "the penalty is dropped without an error. What torch.autograd.grad(..., create_graph=True) returns has "
    "no graph: the backward pass of an autograd.Function runs under no_grad, differentiates detached copies, "
    "or is marked by once_differentiable, which raises only if the cotangent requires a gradient. Let the "
    "backward pass be differentiable, or let it raise an error wherever torch.is_grad_enabled() holds in it. "
    'If neither can be changed, give the layer expected_failures={"second-derivatives": "why"}'
)
_BROKEN = (
    "so is the second derivative of a square root, a power or a norm at zero, like the error norm of a batch "
    "member that waits for others. Detach what the step sizes are computed from"
)
_STATE = (
    "the state is held constant: the backward pass detaches it, or takes it from where it has no graph, and "
    "forgets that it depends on y0 and the parameters. Keep y1 by save_for_backward, and do not detach it"
)
_COTANGENT = "the cotangent is held constant, which depends on y1: the backward pass detaches it"


def explain_dropped(penalty: Penalty) -> str:
    """Return the usual cause of a penalty that is dropped."""
    return f"For {penalty.words} the gradient is that of L alone: {_DROPPED}."


def explain_penalty(layer: LayerUnderTest, problem: Problem, resolution: float, penalty: Penalty) -> str:
    """Return which part of the gradient of P arrives, and the mistake that leaves this part."""
    exact = exact_penalty(layer, problem, penalty)
    part = penalty_part(penalised(layer, problem, resolution, penalty), exact)
    where = f"For {penalty.words}"
    broken = [g for g, value in part.items() if not np.isfinite(value).all()]
    if broken:
        return f"{where} what arrives at {', '.join(broken)} is not finite: {_BROKEN}."
    missing = [g for g, value in exact.penalty.items() if _close(part[g], 0.0, value)]
    if len(missing) == len(part):
        return explain_dropped(penalty)
    held = _held_constant(problem, exact, penalty)
    causes = {_STATE: held, _COTANGENT: exact.penalty["y0"] - held} if penalty.quadratic else {_STATE: held}
    for cause, y0 in causes.items():
        if _close(part["y0"], y0, exact.penalty["y0"]):
            return f"{where} the part of P in ∂/∂y0 is what it would be if {cause}."
    if penalty.of_parameters and (cause := _one_penalty_alone(layer, problem, part, exact)):
        return f"{where} {cause}."
    if missing:
        return f"{where} nothing of P arrives at {', '.join(missing)}: {_DROPPED}."
    return f"{where} {_factor(part, exact.penalty)}"


def _one_penalty_alone(
    layer: LayerUnderTest, problem: Problem, part: Mapping[str, Array], exact: PenaltyGradient
) -> str:
    """Return that the penalty on ∂L/∂y0 alone has an effect, or that on ∂L/∂θ alone; "" if neither is so."""
    (weights,) = layer.cotangents(problem, 1)
    of_y0 = penalty_gradient(problem, weights, quadratic=True, of_parameters=False).penalty
    for alone, lost, sign in (("∂L/∂y0", "∂L/∂θ", 0.0), ("∂L/∂θ", "∂L/∂y0", 1.0)):
        left = {g: sign * exact.penalty[g] + (1 - 2 * sign) * of_y0[g] for g in of_y0}
        if all(_close(part[g], value, exact.penalty[g]) for g, value in left.items()):
            return f"the penalty on {alone} has an effect, that on {lost} is dropped: it has no graph"
    return ""


def _close(found: Array, expected: Array | float, scale: Array) -> bool:
    return rms(found - expected) <= EXPLAINED_SHARE * rms(scale)


def _held_constant(problem: Problem, exact: PenaltyGradient, penalty: Penalty) -> Array:
    """Return ∂P/∂y0 if only the cotangent depended on y0: JᵀJ ∂L/∂x, zero if that is constant as well.

    J ∂L/∂x, the change of y1 along ∂L/∂x, is that of the cotangent of the quadratic loss.
    """
    if not penalty.quadratic:
        return np.zeros_like(problem.y0)
    reference, change = sensitivity(problem), np.zeros_like(problem.y0)
    for name, jacobian in reference.jacobians.items():
        direction = exact.loss[name]
        if name == "y0":
            change = change + np.einsum("bij,bj->bi", jacobian, direction)
        elif penalty.of_parameters:
            change = change + np.tensordot(jacobian, direction, axes=direction.ndim)
    return reference.pullback(change)["y0"]


def _factor(part: Mapping[str, Array], expected: Mapping[str, Array]) -> str:
    """Return a factor that is common to all groups, or the group that is furthest off."""
    scaled = [np.concatenate([(x[g] / rms(expected[g])).ravel() for g in expected]) for x in (part, expected)]
    factor = float(np.vdot(*scaled) / np.vdot(scaled[1], scaled[1]))
    left = rms(scaled[0] - factor * scaled[1]) / abs(factor)
    if left <= EXPLAINED_SHARE:
        return f"the part of P in every gradient is {factor:.3g} times the exact one, up to {left:.1g} of it."
    errors = {g: rms(part[g] - value) / rms(value) for g, value in expected.items()}
    worst = max(errors, key=lambda g: errors[g])
    return (
        f"the part of P in ∂/∂{worst} is off by {in_per_cent(errors[worst])}: a term of the second "
        f"derivative is lost or wrong, as where the backward pass detaches what depends on y0 or a parameter."
    )
