"""The discretisation error that a layer shows by itself, over a refinement ladder."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nodecheck.layers import Array, LayerUnderTest
from nodecheck.measure.controls import control
from nodecheck.measure.convergence import order_of
from nodecheck.numerics import INCONSISTENT_BELOW, ORDER_MARGIN, relative_error, richardson, rms
from nodecheck.numerics.constants import ESTIMATE_LEVELS, ESTIMATE_MARGIN
from nodecheck.problems import Problem
from nodecheck.reference import sensitivity
from nodecheck.results import Inconclusive


@dataclass(frozen=True)
class Unexplained:
    """The error of y1 at the finest level, and the bound that its own discretisation error gives.

    Attributes
    ----------
    error, estimate
        Relative error, and its estimate from the grids of the layer.
    floor
        Error below which nothing is known.
    n_steps
        Steps at the finest level.
    """

    error: float
    estimate: float
    floor: float
    n_steps: int

    @property
    def bound(self) -> float:
        """The largest error that refinement explains."""
        return ESTIMATE_MARGIN * self.estimate + self.floor


def unexplained(layer: LayerUnderTest, problem: Problem, exact: Array, part: float = 1.0) -> Unexplained:
    """Return the error of y1 beside its estimate, where our own solver of the claimed order is asymptotic.

    Parameters
    ----------
    exact
        The state at t1, shape (B, d).
    part
        Length of the interval over that of the usual one: steps are as long as there.

    Raises
    ------
    Inconclusive
        If the error of our own solver is not explained by its own estimate.
    """
    levels = tuple(math.ceil(part * n) for n in layer.ladder(ESTIMATE_LEVELS))
    found = _compared(layer, problem, exact, levels)
    order = layer.claims.order
    own = control(layer, order) if order is not None else None
    if own is not None:
        ours = _compared(own, problem, exact, levels)
        if ours.error > ours.bound:
            message = f"{problem.name} is not asymptotic at {levels[-1]} steps for our own order {order}"
            raise Inconclusive(message)
    return found


def _compared(layer: LayerUnderTest, problem: Problem, exact: Array, levels: Sequence[int]) -> Unexplained:
    """Return the relative error on the finest level and its estimate from all of them.

    The changes may shrink faster than the order for a while, as a fast part of the error dies out, so the
    order is that of the layer at most.  Where successive changes do not agree on one, the slowest consistent
    convergence is assumed.
    """
    states = [layer.solve(problem, n).y1.astype(np.float64) for n in levels]
    changes = [rms(fine - coarse) for coarse, fine in itertools.pairwise(states)]
    orders = [math.log2(a / b) if 0 < b < a else 0.0 for a, b in itertools.pairwise(changes)]
    agree = max(orders) - min(orders) <= ORDER_MARGIN
    slowest = min(*orders, order_of(layer)) if agree else INCONSISTENT_BELOW
    order = max(slowest, INCONSISTENT_BELOW)
    estimate = richardson(states[-2], states[-1], order) / rms(exact)
    floor = max(sensitivity(problem).rtol, layer.roundoff(levels[-1]))
    return Unexplained(relative_error(states[-1], exact), estimate, floor, levels[-1])
