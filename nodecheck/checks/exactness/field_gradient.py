"""The gradient of a field on which every consistent method is exact."""

from __future__ import annotations

import math

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.forward.explanations import elapsed_times, explain_backward_times, explain_time
from nodecheck.diagnosis.gradient.explain import explain_gradient
from nodecheck.diagnosis.gradient.observation import Observation
from nodecheck.layers import Array, Gradients, LayerUnderTest
from nodecheck.measure.fault_pictures import gradient_by_entry, times_of_evaluations
from nodecheck.measure.identities import identity_bound
from nodecheck.numerics.constants import CONSTANT_STEPS, FEW_WRONG_STEPS, IDENTITY_TOLERANCE, SAME_MULTIPLE
from nodecheck.problems import Problem, constant
from nodecheck.results import Evidence, at_most


@check(
    title="Gradient of a constant field is exact",
    failure_title="Gradient of a constant field is not exact",
    theme="Gradient",
    kind="identity",
    problems=(constant,),
    needs="backward-pass",
    cite="Chen et al. (2018), sec. 2: the adjoint of a field without state is constant",
)
def constant_field_gradient(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Differentiate through y' = c: dL/dy0 is the cotangent, dL/dc the elapsed time times its batch sum.

    Holds for backprop and for every consistent discretisation of the adjoint alike, so it needs no claim.
    """
    n_steps = CONSTANT_STEPS
    (run,) = layer.gradients(problem, layer.resolution(tol=IDENTITY_TOLERANCE, n_steps=n_steps), 1)
    (cotangent,) = layer.cotangents(problem, 1)
    exact = {"y0": cotangent, "c": problem.duration * cotangent.sum(axis=0)}
    bound = identity_bound(layer, problem, n_steps) + layer.roundoff(problem.y0.size)
    measurements = tuple(
        at_most(f"error of ∂L/∂{name}", _distance(run.gradients[name], value), bound)
        for name, value in exact.items()
    )
    if all(m.holds for m in measurements):
        return Evidence(measurements)
    series = gradient_by_entry(layer, problem, layer.resolution(tol=IDENTITY_TOLERANCE, n_steps=n_steps))
    if not layer.adaptive:
        series += times_of_evaluations(layer, problem, n_steps, with_gradient=True)
    return Evidence(measurements, _explain_constant(layer, problem, bound), series)


def _distance(value: Array | None, exact: Array) -> float:
    return float(np.max(np.abs((0.0 if value is None else value) - exact)))


def _explain_constant(layer: LayerUnderTest, problem: Problem, bound: float) -> str:
    """Return the cause of wrong gradients of a constant field, from all cotangents."""
    resolution, n_steps = (IDENTITY_TOLERANCE, None) if layer.adaptive else (CONSTANT_STEPS, CONSTANT_STEPS)
    runs = layer.gradients(problem, resolution)
    cotangents = layer.cotangents(problem)
    exact = {
        "y0": np.array(cotangents),
        "c": np.array([problem.duration * cotangent.sum(axis=0) for cotangent in cotangents]),
    }
    gradients = tuple(run.gradients for run in runs)
    seen = ""
    if any(_distance(g["y0"], value) > bound for g, value in zip(gradients, exact["y0"], strict=True)):
        seen = "∂L/∂y0 is not the cotangent, although the field does not depend on the state."
    elif all(g["c"] is not None for g in gradients):
        found = np.array([g["c"] for g in gradients])
        steps = "" if layer.adaptive else _explain_steps(found, exact["c"])
        if steps:
            return steps
        elapsed = elapsed_times(layer, problem, resolution)[0]
        if not layer.adaptive and np.max(np.abs(found - elapsed / problem.duration * exact["c"])) <= bound:
            why = explain_time(layer, problem, CONSTANT_STEPS)
            return f"∂L/∂c is right for the time of the forward pass. {why}"
    exact_to = max(bound * math.sqrt(value.size) / float(np.linalg.norm(value)) for value in exact.values())

    def again(cotangent: Array) -> Gradients:
        return layer.pullback(problem, resolution, cotangent).gradients

    observation = Observation(problem, cotangents, gradients, n_steps, again, dtype=layer.dtype)
    times = "" if layer.adaptive else explain_backward_times(layer, problem, CONSTANT_STEPS)
    return f"{seen} {explain_gradient(observation, exact_to=exact_to)} {times}".strip()


def _explain_steps(value: Array, exact: Array) -> str:
    """Return the number of steps of the backward pass, if it is a wrong number of whole ones; else ""."""
    ratio = float(np.vdot(value, exact) / np.vdot(exact, exact))
    steps = (ratio - 1) * CONSTANT_STEPS
    whole = round(steps)
    if (
        np.allclose(value, ratio * exact, rtol=SAME_MULTIPLE)
        and 0 < abs(whole) <= FEW_WRONG_STEPS
        and abs(steps - whole) < SAME_MULTIPLE
    ):
        return (
            f"The backward pass takes {CONSTANT_STEPS + whole} steps of h, the interval has {CONSTANT_STEPS}."
        )
    return ""
