"""The gradients of a layer as they are explained: for all cotangents, with the means to ask for others."""

from __future__ import annotations

from nodecheck.diagnosis.gradient.observation import Observation
from nodecheck.layers import Array, Gradients, LayerUnderTest
from nodecheck.problems import Problem


def observe(layer: LayerUnderTest, problem: Problem, resolution: float, n_steps: int | None) -> Observation:
    """Return the gradients for all cotangents, and the means to ask for others."""
    runs = layer.gradients(problem, resolution)

    def again(cotangent: Array) -> Gradients:
        return layer.pullback(problem, resolution, cotangent).gradients

    gradients, evaluates = tuple(run.gradients for run in runs), bool(runs[0].calls)
    tolerance = resolution if n_steps is None else None
    return Observation(
        problem,
        layer.cotangents(problem),
        gradients,
        n_steps,
        again,
        evaluates,
        tolerance,
        dtype=layer.dtype,
    )
