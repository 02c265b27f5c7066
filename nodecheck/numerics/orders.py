"""Orders of convergence, observed over a sequence of step counts or tolerances."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nodecheck.numerics.constants import (
    CONTROL_MARGIN,
    FAST_ORDER,
    FLOOR_FACTOR,
    HIGH_ORDER,
    HIGHEST_ORDER,
    INCONSISTENT_BELOW,
    MINIMUM_LEVELS,
    ORDER_MARGIN,
)
from nodecheck.numerics.errors import Array, rms


@dataclass(frozen=True)
class OrderFit:
    """The order at which an error shrinks with the step.

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
        """True if the last two pairwise orders agree within the margin that separates two orders."""
        return len(self.pairwise) >= 2 and abs(self.pairwise[-1] - self.pairwise[-2]) <= ORDER_MARGIN

    @property
    def stalls(self) -> bool:
        """True if the error of the last levels does not shrink: it is at a floor of the layer's own."""
        return bool(self.pairwise) and not self.pairwise[-1] >= INCONSISTENT_BELOW

    @property
    def settling(self) -> bool:
        """True if the last orders differ, or fall as they do before a floor or a lower order."""
        if len(self.pairwise) < 2:
            return False
        return not self.asymptotic or self.pairwise[-2] - self.pairwise[-1] > CONTROL_MARGIN

    @property
    def before_the_floor(self) -> float:
        """Mean of the two successive orders that agree best, of those that shrink; NaN if no two agree."""
        windows = [w for w in itertools.pairwise(self.pairwise) if min(w) >= INCONSISTENT_BELOW]
        before, last = min(windows, key=lambda w: abs(w[0] - w[1]), default=(math.nan, math.nan))
        return (before + last) / 2 if abs(before - last) <= ORDER_MARGIN else math.nan

    def rises_towards(self, order: float) -> bool:
        """Return True if the order is below the one asked for, but still rising on finer grids."""
        if not self.slope < order - ORDER_MARGIN or len(self.pairwise) < 2:
            return False
        before, last = self.pairwise[-2:]
        return last >= INCONSISTENT_BELOW and last - before > CONTROL_MARGIN

    def falls_towards(self, order: float) -> bool:
        """Return True if the order is above the one asked for, but still falling.

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


def control_margin(order: int, *, narrow: bool = False) -> float:
    """Return the margin within which our own solver must show its order on a ladder that judges others.

    In a narrow dtype rounding is met before a slope has settled from a lower order on.
    """
    return CONTROL_MARGIN if order < (FAST_ORDER if narrow else HIGH_ORDER) else ORDER_MARGIN


def richardson(coarse: Array, fine: Array, order: float) -> float:
    """Return the RMS discretisation error of `fine` (2n steps), estimated from `coarse` (n steps).

    Hairer, Nørsett & Wanner (1993), sec. II.4: (y_2n - y_n) / (2^p - 1).
    """
    remaining: float = 2.0**order - 1.0
    return rms(np.asarray(fine) - np.asarray(coarse)) / remaining
