"""The error of a gradient against the evaluations of the field that it costs, in both passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.convergence import enough_cotangents
from nodecheck.problems import Problem
from nodecheck.results import Series

PLOT = "Gradient work-precision"  # the report knows the curve by this name


def work_precision(
    layer: LayerUnderTest,
    problem: Problem,
    resolutions: Sequence[float],
    errors: Mapping[str, Sequence[float]],
) -> tuple[Series, ...]:
    """Return the largest of the errors over the groups at each resolution, whose solves are at hand.

    Nothing is returned of a layer whose field is not seen to be evaluated.
    """
    costs = [_evaluations(layer, problem, resolution) for resolution in resolutions]
    if not errors or not all(costs):
        return ()
    largest = np.max([list(of_group) for of_group in errors.values()], axis=0)
    return (
        Series(
            PLOT,
            problem.name,
            tuple(map(float, costs)),
            tuple(map(float, largest)),
            "evaluations",
            "relative error",
            log=True,
        ),
    )


def _evaluations(layer: LayerUnderTest, problem: Problem, resolution: float) -> int:
    (first, *_) = layer.gradients(problem, resolution, enough_cotangents(layer, problem))
    return layer.solve(problem, resolution).evaluations + len(first.calls)
