"""Bounds that follow from rounding."""

from __future__ import annotations

from nodecheck.numerics.constants import EPS, ROUNDINGS_PER_STEP


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
