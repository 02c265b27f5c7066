"""Relative numbers in per cent: written for people, and read from what they write."""

from __future__ import annotations

import math

__all__ = ["fraction", "percent"]


def percent(value: float) -> str:
    """Return a relative number in per cent, with two digits: 4.6 %, 0.00017 %."""
    if not math.isfinite(value):
        return "unknown"
    digits = f"{100 * value:.2g}"
    return f"{float(digits):.0f} %" if "e" in digits and value >= 1 else f"{digits} %"


def fraction(value: object, name: str, kind: str = "a relative error") -> float:
    """Return a number between 0 and 1, which may be written as text: 0.01, "0.01" or "1%".

    Parameters
    ----------
    value : object
        What was given.
    name, kind : str
        What it is called and what it is, for the error.

    Raises
    ------
    ValueError
        If it is nothing of this kind.
    """
    number = _number(value)
    if 0.0 < number < 1.0:
        return number
    remedy = f'write 0.01 or "1%" for {percent(_EXAMPLE)}'
    if 1.0 <= number < _HUNDRED and not (isinstance(value, str) and "%" in value):
        remedy = f"did you mean {number:g} %: {number / _HUNDRED:g}"
    message = f"{name} must be {kind} above 0 and below 1, got {value!r}; {remedy}"
    raise ValueError(message)


_EXAMPLE, _HUNDRED = 0.01, 100.0


def _number(value: object) -> float:
    """Return the number that is meant; NaN if there is none."""
    if isinstance(value, bool):
        return math.nan
    text = value.strip() if isinstance(value, str) else ""
    try:
        return float(text[:-1]) / _HUNDRED if text.endswith("%") else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):  # of a tensor of several numbers
        return math.nan
