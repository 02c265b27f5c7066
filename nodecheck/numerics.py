"""Errors, observed orders, round-off bounds: where every bound of a verdict is derived.

No check types a tolerance.  Identities are held to a multiple of eps and of the operation count, rates to the
claimed order, tolerance sweeps to the growth of error over tolerance.  The constants below are the only
numbers chosen by hand; each says from what it follows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

EPS = float(np.finfo(np.float64).eps)
EPS_FLOAT32 = float(np.finfo(np.float32).eps)

# A fitted slope half-way to the next integer order would be attributed to the other order.  Right Euler, Heun
# and RK4 layers stay within 0.13 of their order on the suite, so the margin is four times the spread.
ORDER_MARGIN = 0.5
# Our own solver of the same order must show it this clearly, or the problem is not asymptotic on this ladder.
CONTROL_MARGIN = 0.2
# From order five on the error meets rounding before its slope has settled this well; half-way to the next
# integer is still told apart, since a bug costs a whole order.
HIGH_ORDER = 5
# Published methods go up to order twelve or so: an error that drops faster from one level to the next is not
# that of a method, but of a layer that does something else on some grids.
HIGHEST_ORDER = 12
# An error E above a floor F fits with a slope that is off by at most log2(1 + F/E): 0.05 at a factor of 30.
FLOOR_FACTOR = 30.0
# Order 1 leaves an asymptotic window if successive slopes agree within the margin that separates two orders.
MINIMUM_LEVELS = 3
# An error that does not shrink has slope 0, the slowest consistent method slope 1.
INCONSISTENT_BELOW = 0.5
# scipy.differentiate reports errors up to 2 times too small; 10 leaves room for a sum over a few components.
REPORTED_ERROR_FACTOR = 10.0
# Two classes of gradient are told apart only where they differ by this many bounds.
SEPARATION = 100.0
# Each elementary operation rounds by eps/2 of its result; a step has some ten of them in sequence.
ROUNDINGS_PER_STEP = 8.0
# The weights of a method may cancel, and amplify what is rounded: their absolute values add up to 13 in
# Dormand and Prince's method of order eight, to 28 where four Euler grids are extrapolated.
LARGEST_WEIGHTS = 32.0
# Global error of a method of order p under local error control is tol^(p/(p+1)), so error/tol grows like
# tol^(-1/(p+1)): exponent at most 1/2 (p = 1).  An error that no longer shrinks has exponent 1.
GROWTH_OF_LOWEST_ORDER = 0.5
GROWTH_OF_PLATEAU = 1.0
MAXIMUM_GROWTH = (GROWTH_OF_LOWEST_ORDER + GROWTH_OF_PLATEAU) / 2
# A tolerance bounds the local error; over an interval of a few time scales the global error is larger by the
# number of steps times the growth of errors, which on the suite stays below this.
TOLERANCE_FACTOR = 100.0


def roundoff(n_operations: float, magnitude: float = 1.0, eps: float = EPS) -> float:
    """Return a bound on the rounding error of `n_operations` steps on numbers of size `magnitude`.

    Higham (2002), sec. 3.1: n operations err by at most about n eps, relatively.
    """
    return ROUNDINGS_PER_STEP * eps * max(n_operations, 1.0) * magnitude


def time_roundoff(n_steps: float, t0: float, t1: float, eps: float = EPS) -> float:
    """Return a bound on the error of an elapsed time that is added up from n steps between t0 and t1.

    A step is the difference of two times of size max(|t0|, |t1|), so each step may be off by eps of that.
    """
    largest: float = max(abs(t0), abs(t1), abs(t1 - t0))
    return roundoff(n_steps, largest, eps)


def relative_error(value: Array, exact: Array) -> float:
    """Return the error of a group relative to the size of the group (not of the element), in RMS.

    NaN or infinite values give NaN or infinity.  Where the exact group is zero the error is absolute.
    """
    scale = rms(exact)
    return rms(np.asarray(value, dtype=np.float64) - exact) / (scale if scale > 0 else 1.0)


def rms(values: Array) -> float:
    """Return the root mean square over all entries; 0 for none."""
    values = np.asarray(values, dtype=np.float64)
    return float(np.sqrt(np.mean(values * values))) if values.size else 0.0


def group_errors(
    gradients: Sequence[Mapping[str, Array | None]], exact: Sequence[Mapping[str, Array]]
) -> dict[str, float]:
    """Return for each group the RMS error over several cotangents, relative to the group.

    The order of one scalar's signed error is meaningless where it crosses zero; an RMS over cotangents and
    components does not cross.  A gradient that did not arrive counts as zero.
    """
    return {
        name: relative_error(
            np.stack([_zero_if_missing(g[name], e[name]) for g, e in zip(gradients, exact, strict=True)]),
            np.stack([e[name] for e in exact]),
        )
        for name in exact[0]
    }


def _zero_if_missing(value: Array | None, like: Array) -> Array:
    return np.zeros_like(like) if value is None else value


@dataclass(frozen=True)
class OrderFit:
    """How an error shrinks with the step.

    Attributes
    ----------
    slope
        Least-squares order over the last levels above the floor; NaN if there are too few.
    pairwise
        Order between successive levels, the finest last.
    exact
        Whether the error vanishes into rounding so soon that there is no order to observe, nor any needed.
    levels
        How many levels are above the floor.
    """

    slope: float
    pairwise: tuple[float, ...]
    exact: bool
    levels: int

    @property
    def asymptotic(self) -> bool:
        """Whether the last two pairwise orders agree within the margin that separates two orders."""
        return len(self.pairwise) >= 2 and abs(self.pairwise[-1] - self.pairwise[-2]) <= ORDER_MARGIN

    def rises_towards(self, order: float) -> bool:
        """Whether the order is below the one asked for, but still rising: finer grids may tell more."""
        if not self.slope < order - ORDER_MARGIN or len(self.pairwise) < 2:
            return False
        before, last = self.pairwise[-2:]
        return last >= INCONSISTENT_BELOW and last - before > CONTROL_MARGIN

    def falls_towards(self, order: float) -> bool:
        """Whether the order is above the one asked for, but still falling.

        Where the leading error term of a method is small, as in Tsitouras' pair, coarse grids show the next.
        """
        if not self.slope > order + ORDER_MARGIN or len(self.pairwise) < 2:
            return False
        before, last = self.pairwise[-2:]
        return before - last > CONTROL_MARGIN


def fit_order(n_steps: Sequence[int], errors: Sequence[float], floor: float) -> OrderFit:
    """Fit error = C h^slope over the last three levels whose error stands clear of `floor`.

    A level whose error is not finite counts as far above the floor with the largest finite number, so that
    a divergent layer never passes as exact.
    """
    finite = [e if math.isfinite(e) else np.finfo(np.float64).max for e in errors]
    clear = [(n, e) for n, e in zip(n_steps, finite, strict=True) if e > FLOOR_FACTOR * floor]
    logs = [(math.log(n), math.log(e)) for n, e in clear]  # of each: a quotient of errors may overflow
    pairwise = tuple((e - f) / (m - n) for (n, e), (m, f) in itertools.pairwise(logs))
    if len(clear) < MINIMUM_LEVELS:
        coarsest = [n for n, _ in clear] == list(n_steps[: len(clear)])
        finest = clear[-1][1] if clear else 0.0
        vanishes = coarsest and finest <= FLOOR_FACTOR * floor * 2.0**HIGHEST_ORDER
        return OrderFit(math.nan, pairwise, vanishes, len(clear))
    last = logs[-MINIMUM_LEVELS:]
    slope = -np.polyfit([n for n, _ in last], [e for _, e in last], 1)[0]
    return OrderFit(float(slope), pairwise, False, len(clear))


def fit_growth(tolerances: Sequence[float], errors: Sequence[float], floor: float) -> float:
    """Return the exponent g of error/tol = C tol^(-g) over the last four levels above `floor`.

    0: proportional to the tolerance; 1: the error does not shrink at all.  NaN if fewer than three levels
    are clear of the floor.
    """
    finite = [e if math.isfinite(e) else np.finfo(np.float64).max for e in errors]
    clear = [(t, e) for t, e in zip(tolerances, finite, strict=True) if e > floor][-4:]
    if len(clear) < MINIMUM_LEVELS:
        return math.nan
    # By the slope of the error itself: the quotient error/tol overflows where the error is not finite.
    slope = np.polyfit([math.log(t) for t, _ in clear], [math.log(e) for _, e in clear], 1)[0]
    return 1.0 - float(slope)


def control_margin(order: int) -> float:
    """Return how far our own solver of an order may be from showing it on a ladder that judges others."""
    return CONTROL_MARGIN if order < HIGH_ORDER else ORDER_MARGIN


def richardson(coarse: Array, fine: Array, order: float) -> float:
    """Return the RMS discretisation error of `fine` (2n steps), estimated from `coarse` (n steps).

    Hairer, Nørsett & Wanner (1993), sec. II.4: (y_2n - y_n) / (2^p - 1).
    """
    remaining: float = 2.0**order - 1.0
    return rms(np.asarray(fine) - np.asarray(coarse)) / remaining
