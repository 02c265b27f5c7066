"""Numbers of a lower precision, recognised by their bits.

An error of the size of float32 rounding proves nothing, as any small mistake is of some size.  It is evidence
that each of several numbers has no more than 24 bits: a number of 53 random bits has that form once in 2^29
draws.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nodecheck.numerics.constants import EPS, FEWEST_FORMAT_VALUES

# Unit roundoff 2^-p, p the bits of the significand; the coarsest first: a bfloat16 number is a float32 one.
UNIT_ROUNDOFF = {"bfloat16": 2.0**-8, "float16": 2.0**-11, "float32": 2.0**-24}


def rounded(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    """Return the values rounded to nearest in a format, as float64."""
    if name == "float64":
        return np.asarray(values, dtype=np.float64)
    single = np.asarray(values, dtype=np.float32)
    if name == "float32":
        return single.astype(np.float64)
    if name == "float16":
        with np.errstate(over="ignore"):  # beyond 65504 there is infinity, as in a layer
            return np.asarray(values, dtype=np.float16).astype(np.float64)
    # bfloat16 is the upper half of float32; ties go to the even one.
    bits = np.atleast_1d(single).view(np.uint32)
    upper = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return upper.view(np.float32).astype(np.float64).reshape(single.shape)


def eps_of(name: str) -> float:
    """Return the distance of 1 to the next number of a format: twice its unit roundoff."""
    return 2 * UNIT_ROUNDOFF[name] if name in UNIT_ROUNDOFF else EPS


def format_of(values: npt.ArrayLike, narrower_than: str = "float64") -> str:
    """Return the coarsest format of which all values are numbers; "" if there is none, or too few values.

    Some values are numbers of every format (0, 0.25): ask only for values that are known to be others.  Only
    formats with fewer bits than the one that the values have anyway are evidence.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    different = np.unique(np.abs(array[array != 0.0]))
    if different.size < FEWEST_FORMAT_VALUES or not np.isfinite(different).all():
        return ""
    with np.errstate(over="ignore"):
        candidates = (name for name in UNIT_ROUNDOFF if is_narrower(name, narrower_than))
        return next((name for name in candidates if np.array_equal(rounded(array, name), array)), "")


def is_narrower(name: str, other: str) -> bool:
    """Return True if a floating-point format, by its name, has fewer bits than another one."""
    bits = {"bfloat16": 16, "float16": 16, "float32": 32, "float64": 64}
    return bits.get(name, 64) < bits.get(other, 64)
