"""Bounds in the dtype in which a layer runs."""

from __future__ import annotations

import math

import numpy.typing as npt

from nodecheck.numerics.bounds import roundoff, time_roundoff
from nodecheck.numerics.constants import (
    FEW_STEPS,
    FEW_STEPS_IN_NARROW_DTYPES,
    ROUNDINGS_PER_STEP,
    USUAL_ROUNDING,
)
from nodecheck.numerics.formats import eps_of, format_of
from nodecheck.options.dtypes import FLOAT64


class InDtype:
    """The dtype of a run, and the bounds that follow from its rounding.

    Attributes
    ----------
    dtype
        The name of the dtype.
    """

    dtype: str

    @property
    def narrow(self) -> bool:
        """True if the layer runs in a dtype of less precision than float64."""
        return self.dtype != FLOAT64

    @property
    def eps(self) -> float:
        """The distance of 1 to the next number of the dtype."""
        return eps_of(self.dtype)

    def roundoff(self, n_operations: float, magnitude: float = 1.0) -> float:
        """Return a bound on what so many steps round away in the dtype, of numbers of this size."""
        return roundoff(n_operations, magnitude, self.eps)

    @property
    def few_steps(self) -> int:
        """The number of steps at which the classes of gradients are told apart."""
        return FEW_STEPS_IN_NARROW_DTYPES if self.narrow else FEW_STEPS

    def time_roundoff(self, n_steps: float, t0: float, t1: float) -> float:
        """Return a bound on the error of a time that is added up in the dtype, from n steps."""
        return time_roundoff(n_steps, t0, t1, self.eps)

    def floor(self, n_steps: float) -> float:
        """Return the error that rounding leaves after n steps, as far as an order is seen above it.

        In float64 there is room for the bound on it.  A narrower dtype has room for its usual size alone:
        rounding errors are of either sign, and so many of them add up to the root of their number.
        """
        return self.eps * math.sqrt(n_steps) * USUAL_ROUNDING if self.narrow else self.roundoff(n_steps)

    def format_of(self, values: npt.ArrayLike) -> str:
        """Return a format with fewer bits than the dtype of which all values are numbers, or ""."""
        return format_of(values, self.dtype)

    def reachable(self, tolerances: tuple[float, ...]) -> tuple[float, ...]:
        """Return the tolerances, looser by one factor where the dtype does not reach the tightest of them."""
        factor = max(1.0, self.tightest / min(tolerances))
        return tuple(factor * tol for tol in tolerances)

    @property
    def tightest(self) -> float:
        """The tightest tolerance, a power of ten, that a step can meet in the dtype."""
        return 10.0 ** math.ceil(math.log10(ROUNDINGS_PER_STEP * self.eps)) if self.narrow else 0.0
