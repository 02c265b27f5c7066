"""The value that a refinement ladder tends to, by extrapolation, and what remains unknown of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from nodecheck.numerics.constants import INCONSISTENT_BELOW, MINIMUM_LEVELS
from nodecheck.numerics.errors import Array, rms
from nodecheck.numerics.orders import richardson


@dataclass(frozen=True)
class Limit:
    """The extrapolated value of a sequence at a step of zero, with its error.

    Attributes
    ----------
    value
        The extrapolated value.
    estimate
        Its RMS error, by the last change and the rate at which changes shrink.
    amplification
        Factor by which extrapolation may have enlarged the rounding of the values.
    """

    value: Array
    estimate: float
    amplification: float


def limit(values: Sequence[Array], order: int) -> Limit:
    """Return the limit of at least three values, each with twice the steps of the one before.

    The error of a method of order p is a sum of powers of h from h^p on: Gragg; Hairer, Nørsett & Wanner
    (1993), sec. II.8.  Each column of Romberg's table takes one power more away, and leaves what does not
    depend on h.  The column of the least estimate is taken.
    """
    column, amplification, limits = list(values), 1.0, []
    for k in itertools.count(order):
        limits.append(Limit(column[-1], _estimate(column, k), amplification))
        if len(column) <= MINIMUM_LEVELS:
            return min(limits, key=lambda found: found.estimate)
        factor = 2.0**k - 1.0
        column = [fine + (fine - coarse) / factor for coarse, fine in itertools.pairwise(column)]
        amplification *= (2.0**k + 1.0) / factor
    raise AssertionError


def _estimate(column: Sequence[Array], order: int) -> float:
    """Return the error of the last value: changes shrink on as they did, but no faster than at the order."""
    before, last = (rms(fine - coarse) for coarse, fine in itertools.pairwise(column[-MINIMUM_LEVELS:]))
    seen = math.log2(before / last) if 0 < last < before else 0.0
    return richardson(column[-2], column[-1], max(min(seen, order), INCONSISTENT_BELOW))
