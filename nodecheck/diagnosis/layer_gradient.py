"""The cause of a wrong gradient of a layer: the layer is asked, and the answers are explained."""

from __future__ import annotations

import functools

from nodecheck.diagnosis.forward.explanations import explain_backward_times
from nodecheck.diagnosis.gradient import Observation, explain_gradient
from nodecheck.diagnosis.step_count import explain_onset, gradient_error
from nodecheck.layers import Array, Gradients, LayerUnderTest, Solve
from nodecheck.measure.convergence import order_of
from nodecheck.numerics import relative_error, roundoff
from nodecheck.numerics.constants import LOOSE_PART
from nodecheck.problems import Problem
from nodecheck.reference import Feature, features


def explain_layer_gradient(layer: LayerUnderTest, problem: Problem) -> str:
    """Return the cause of a wrong gradient, from the two finest levels of the ladder."""
    coarse, fine = layer.ladder()[-2:]
    if not _repeats(layer, problem, fine):
        return "A second backward pass for the same input returns other gradients."
    onset = explain_onset(functools.partial(gradient_error, layer, problem), layer.ladder())
    if onset:
        return onset
    observations = (observe(layer, problem, n, n) for n in (fine, coarse))
    found = explain_gradient(*observations, order=order_of(layer))
    timed = Feature.TIME_DEPENDENT in features(problem)
    return f"{found} {explain_backward_times(layer, problem, fine) if timed else ''}".strip()


def _repeats(layer: LayerUnderTest, problem: Problem, n_steps: int) -> bool:
    """Return True if the layer returns the same gradients again, to rounding."""
    first = layer.gradients(problem, n_steps, 1)[0].gradients
    again = layer.fresh(Solve(problem, n_steps), layer.cotangents(problem, 1)).gradients
    bound = roundoff(n_steps * problem.y0.size)
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


def observe(layer: LayerUnderTest, problem: Problem, resolution: float, n_steps: int | None) -> Observation:
    """Return the gradients for all cotangents, and the means to ask for others."""
    runs = layer.gradients(problem, resolution)

    def again(cotangent: Array) -> Gradients:
        return layer.pullback(problem, resolution, cotangent).gradients

    gradients, evaluates = tuple(run.gradients for run in runs), bool(runs[0].calls)
    tolerance = resolution if n_steps is None else None
    return Observation(problem, layer.cotangents(problem), gradients, n_steps, again, evaluates, tolerance)
