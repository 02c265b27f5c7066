"""The cause of a wrong gradient of a layer: the layer is asked, and the answers are explained."""

from __future__ import annotations

import dataclasses
import functools

from nodecheck.diagnosis.forward.explanations import explain_backward_times
from nodecheck.diagnosis.gradient import explain_gradient
from nodecheck.diagnosis.gradient.stage_states import explain_stage_states
from nodecheck.diagnosis.layer_observation import observe
from nodecheck.diagnosis.step_count import explain_onset, forward_error, gradient_error
from nodecheck.layers import LayerUnderTest, Solve
from nodecheck.measure.convergence import order_of
from nodecheck.numerics import relative_error
from nodecheck.numerics.constants import CLEAR_RISE, FLOAT32_ERROR, LOOSE_PART
from nodecheck.problems import Problem, constant
from nodecheck.reference import Feature, features
from nodecheck.results.phrases import in_per_cent, plural


def explain_layer_gradient(layer: LayerUnderTest, problem: Problem) -> str:
    """Return the cause of a wrong gradient, from the two finest levels of the ladder."""
    coarse, fine = layer.ladder()[-2:]
    if not _repeats(layer, problem, fine):
        return "A second backward pass for the same input returns other gradients."
    onset = explain_onset(functools.partial(gradient_error, layer, problem), layer.ladder())
    if onset:
        return onset
    own = _own_steps(layer, problem)
    if own:
        return own
    stages = explain_stage_states(layer, problem)
    if stages:
        off = in_per_cent(gradient_error(layer, problem, fine))
        return f"At {fine} steps the gradient is off by {off}. {stages}"
    rounding = rounding_of(layer, fine)
    observations = (
        dataclasses.replace(observe(layer, problem, n, n), rounding=rounding) for n in (fine, coarse)
    )
    found = explain_gradient(*observations, order=order_of(layer))
    timed = Feature.TIME_DEPENDENT in features(problem)
    return f"{found} {explain_backward_times(layer, problem, fine, rounding=timed)}".strip()


def _own_steps(layer: LayerUnderTest, problem: Problem) -> str:
    """Return that the backward pass costs the same at every number of steps, where the forward pass does not.

    Less than one step of the forward pass is no pass over the interval, but a few evaluations besides.
    """
    levels = layer.ladder()
    ends = levels[0], levels[-1]
    forward = [layer.solve(problem, n).evaluations for n in ends]
    backward = [len(layer.gradients(problem, n, 1)[0].calls) for n in ends]
    rises = forward[1] >= CLEAR_RISE * forward[0]
    if not rises or backward[0] != backward[1] or backward[0] * ends[0] < forward[0]:
        return ""
    return (
        f"The backward pass makes {plural(backward[0], 'evaluation')} of the field with {ends[0]} steps and "
        f"with {ends[1]} alike, where the forward pass makes {forward[0]} and {forward[1]}: it takes steps "
        f"of its own, and n_steps does not reach it. At {ends[1]} steps the gradient is off by "
        f"{in_per_cent(gradient_error(layer, problem, ends[1]))}."
    )


def rounding_of(layer: LayerUnderTest, n_steps: int) -> float:
    """Return the relative error on y' = c, where every method is exact, as far as it may be rounding.

    Below this times `FLOOR_FACTOR` nothing shrinks with the step, whatever its cause.
    """
    errors = (error(layer, constant, n_steps) for error in (forward_error, gradient_error))
    return max((error for error in errors if error <= FLOAT32_ERROR), default=0.0)


def _repeats(layer: LayerUnderTest, problem: Problem, n_steps: int) -> bool:
    """Return True if the layer returns the same gradients again, to rounding."""
    first = layer.gradients(problem, n_steps, 1)[0].gradients
    again = layer.fresh(Solve(problem, n_steps), layer.cotangents(problem, 1)).gradients
    bound = layer.roundoff(n_steps * problem.y0.size)
    return not any(
        relative_error(other, value) > bound  # where either is no number, that is what is wrong
        for name, value in first.items()
        if value is not None and (other := again[name]) is not None
    )


def explain_at_tolerance(layer: LayerUnderTest, problem: Problem, tolerances: tuple[float, ...]) -> str:
    """Return the cause of a wrong gradient of an adaptive layer, from its tightest tolerance and a loose one.

    What a mistake leaves besides is a discretisation error if it shrinks from the one to the other.
    """
    # The loosest of all may have too few steps to show anything.
    loose = tolerances[len(tolerances) // LOOSE_PART]
    found = explain_gradient(*(observe(layer, problem, tol, None) for tol in (tolerances[-1], loose)))
    return found or (
        f"At tol = {tolerances[-1]:g} the gradient is near the exact one, but it does not approach it as "
        f"the tolerance shrinks: a part of the backward pass has an error, or a tolerance, of its own."
    )
