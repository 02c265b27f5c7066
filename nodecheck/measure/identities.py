"""Fields on which every consistent method is exact, and what rounding leaves of that."""

from __future__ import annotations

import math

import numpy as np

from nodecheck.layers import LayerUnderTest
from nodecheck.numerics import LARGEST_WEIGHTS, ROUNDINGS_PER_STEP, TOLERANCE_FACTOR
from nodecheck.numerics.constants import IDENTITY_TOLERANCE, POWER_STEPS
from nodecheck.problems import Problem, neural, power
from nodecheck.results import Measurement, at_most


def identity_bound(layer: LayerUnderTest, problem: Problem, n_steps: int, degree: int = 0) -> float:
    """Return a bound on the error of y1 of y' = c t^degree: rounding, or the tolerance of an adaptive layer.

    Every step rounds the state, of size |y|, and its own length, a difference of two times: the first costs
    eps |y|, the second eps |t| |y'|; both as often as the weights of a method are larger than their sum.  In
    a narrow dtype, where there is less room, such errors add up to the root of their number, as those of
    either sign do.
    """
    if layer.adaptive:
        return TOLERANCE_FACTOR * IDENTITY_TOLERANCE
    latest = max(abs(problem.t0), abs(problem.t1), abs(problem.duration))
    rate = (degree + 1) * float(np.max(np.abs(problem.params["c"]))) * latest**degree
    size = float(np.max(np.abs(problem.y0))) + rate * latest
    if layer.narrow:
        return LARGEST_WEIGHTS * layer.eps * math.sqrt(ROUNDINGS_PER_STEP * n_steps) * size
    return layer.roundoff(n_steps, LARGEST_WEIGHTS * size)


def power_measurements(
    layer: LayerUnderTest, order: int, n_steps: int = POWER_STEPS
) -> tuple[Measurement, ...]:
    """Return the errors of y' = c t^k for every k below the order."""
    operations = n_steps * round(layer.evaluations_per_step(layer.counterpart(neural)))
    measurements = []
    for k in range(order):
        problem = power(k)
        exact = problem.flow(problem.t1, problem.y0, **problem.params)  # type: ignore[misc]
        error = float(np.max(np.abs(layer.solve(problem, n_steps).y1 - exact)))
        bound = identity_bound(layer, problem, operations, k)
        measurements.append(at_most(f"error of y1 for t^{k}", error, bound))
    return tuple(measurements)
