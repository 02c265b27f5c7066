"""Words: counts with their nouns, numbers with as many digits as tell them apart, names in kebab case."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_ALL_DIGITS = 17  # significant digits that tell any two float64 numbers apart
_LEAST_PER_CENT = 1e-4  # a smaller relative error is written as a power of ten


def plural(count: int | str, noun: str) -> str:
    """Return a count, or the text of a rounded amount, with its noun: 1 check, 3 checks, 2.5 states."""
    return f"{count} {noun}" if str(count) == "1" else f"{count} {noun}s"


def verb(count: int, one: str, several: str) -> str:
    """Return the form of a verb that agrees with a count: 1 is, 2 are."""
    return one if count == 1 else several


def kebab_case(name: str) -> str:
    """Return the name of a class in kebab case: extra-step for ExtraStep, rk4-in-place for RK4InPlace."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def apart(found: Sequence[float], expected: Sequence[float], digits: int = 4) -> tuple[str, str]:
    """Return two numbers, or two lists of numbers, as texts that differ where the numbers do.

    Parameters
    ----------
    found, expected
        One number each: "1.4"; or several: "0.3, 1.7".
    digits
        Significant digits to begin with: as few more are written as make the texts differ.
    """
    texts = ("", "")
    for precision in range(digits, _ALL_DIGITS + 1):
        ours, theirs = (", ".join(f"{x:.{precision}g}" for x in values) for values in (found, expected))
        texts = ours, theirs
        if ours != theirs:
            break
    return texts


def in_per_cent(low: float, high: float | None = None, of: str = "its") -> str:
    """Return a relative error, or a range: "4.6 %", "12 to 21 %", or "3e-8 of its size" if small."""
    high = low if high is None else high
    if low >= _LEAST_PER_CENT and math.isfinite(high):
        texts, unit = [_two_digits(100 * x) for x in (low, high)], "%"
    else:
        texts, unit = [f"{x:.2g}".replace("e-0", "e-") for x in (low, high)], f"of {of} size"
    return f"{' to '.join(dict.fromkeys(texts))} {unit}"


def _two_digits(value: float) -> str:
    """Return two digits without an exponent."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:.0f}" if rounded >= 100 else f"{value:.2g}"
