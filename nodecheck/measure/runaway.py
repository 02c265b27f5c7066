"""The evaluations after which a pass is stopped, because it goes on long after it should have been done."""

from __future__ import annotations

from nodecheck.layers import LayerUnderTest, Solution
from nodecheck.numerics.constants import RUNAWAY_FACTOR
from nodecheck.problems import neural


def limit_beside(usual: Solution) -> float:
    """Return the limit for a solve that costs about as much as a usual one, with its backward passes."""
    return RUNAWAY_FACTOR * usual.all_evaluations


def limit_beside_neural(layer: LayerUnderTest, resolution: float, *, with_gradient: bool = True) -> float:
    """Return the limit for a solve that should cost about as much as that of a small network."""
    problem = layer.counterpart(neural)
    evaluations = layer.solve(problem, resolution).evaluations
    if with_gradient:
        evaluations += len(layer.gradients(problem, resolution, 1)[0].calls)
    return float(RUNAWAY_FACTOR * evaluations)
