"""The times told to the field beside the steps that are taken: means of powers of t over the steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from nodecheck.layers import Array, LayerUnderTest
from nodecheck.measure.identities import identity_bound
from nodecheck.numerics import INCONSISTENT_BELOW, LARGEST_WEIGHTS
from nodecheck.numerics.constants import LADDER_START, MINIMUM_LEVELS
from nodecheck.problems import Problem, power
from nodecheck.results import Measurement, at_least, at_most

# The mean of t^degree over the steps of a layer: of (layer, degree, n_steps).
Mean: TypeAlias = Callable[[LayerUnderTest, int, int], Array]


def mean_in_solution(layer: LayerUnderTest, degree: int, n_steps: int) -> Array:
    """Return the mean of the powers of the times told in the forward pass, shape (B, d).

    Weighted by the steps: the change of y in y' = c t^degree over that in y' = c.
    """
    changes = [layer.solve(p, n_steps).y1 - p.y0 for p in (power(degree), power(0))]
    mean: Array = changes[0] / changes[1]
    return mean


def mean_in_gradient(layer: LayerUnderTest, degree: int, n_steps: int) -> Array:
    """Return the mean of the powers of the times told in the backward pass, shape (1,).

    Weighted by the steps: ∂L/∂c of y' = c t^degree over that of y' = c.
    """
    (summed,) = (w.sum(axis=0) for w in layer.cotangents(power(0), 1))
    found = [layer.gradients(p, n_steps, 1)[0].gradients["c"] for p in (power(degree), power(0))]
    of_power, of_one = (0.0 if g is None else float(np.vdot(g, summed)) for g in found)
    return np.array([of_power / of_one])


def mean_as_steps_vanish(name: str, layer: LayerUnderTest, degree: int, mean: Mean) -> Measurement:
    """Return the relative error of a mean of t^degree extrapolated to h = 0, or the order of that error.

    On equal steps the error of a quadrature is a polynomial in h of this degree without a constant term
    (Hairer, Nørsett & Wanner 1993, sec. II.8): as many extrapolations leave rounding alone.  Times that are
    not those of the steps leave a constant.  On other grids the rest vanishes with h.
    """
    problem = power(degree)
    finest = LADDER_START * 2**degree
    exact = _exact_mean(problem, degree)

    def rest(level: int) -> Array:
        steps = [LADDER_START * 2 ** (level + k) for k in range(degree + 1)]
        return _extrapolated([mean(layer, degree, n) for n in steps]) / exact - 1.0

    change = exact * abs(problem.duration) * float(np.min(np.abs(problem.params["c"])))
    operations = layer.solve(problem, finest).evaluations + problem.y0.size
    bound = _amplification(degree) * 2 * _rounding(layer, problem, operations, degree) / change
    error = float(np.max(np.abs(rest(0))))
    if error <= bound:
        return at_most(f"error of the {name} as h → 0", error, bound)
    order = _order([rest(level) for level in range(MINIMUM_LEVELS)])
    return at_least(f"order at which the error of the {name} vanishes", order, INCONSISTENT_BELOW)


def _rounding(layer: LayerUnderTest, problem: Problem, operations: int, degree: int) -> float:
    """Return a bound on the rounding error of y1, to which each evaluation adds.

    Weights are large where a method has many stages.  In a narrow dtype, where there is less room, that is
    counted once: of the root of the largest weights.
    """
    bound = identity_bound(layer, problem, operations, degree)
    return bound / math.sqrt(LARGEST_WEIGHTS) if layer.narrow else bound


def _exact_mean(problem: Problem, degree: int) -> float:
    k = degree + 1
    mean: float = (problem.t1**k - problem.t0**k) / (k * problem.duration)
    return mean


def _extrapolated(values: Sequence[Array]) -> Array:
    """Return the limit of values at h, h/2, h/4, ... that are a polynomial in h."""
    table = list(values)
    for k in range(1, len(values)):
        table = [(2**k * fine - coarse) / (2**k - 1) for coarse, fine in itertools.pairwise(table)]
    return table[0]


def _amplification(degree: int) -> float:
    """Return the sum of the absolute weights of an extrapolation."""
    amplification: float = math.prod((2**k + 1) / (2**k - 1) for k in range(1, degree + 1))
    return amplification


def _order(rests: Sequence[Array]) -> float:
    """Return the largest order between successive levels, for the worst entry; a change of sign counts.

    A constant is there on all levels.  A rest that comes and goes, as on grids whose last step is shorter by
    chance, is none.
    """
    worst = np.unravel_index(int(np.argmax(np.abs(rests[-1]))), rests[-1].shape)
    values = [float(rest[worst]) for rest in rests]
    return max(_order_between(coarse, fine) for coarse, fine in itertools.pairwise(values))


def _order_between(coarse: float, fine: float) -> float:
    if fine == 0 or coarse * fine < 0:
        return math.inf
    return math.log2(coarse / fine) if coarse else -math.inf
