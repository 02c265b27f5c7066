"""Few and readable numbers along an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MOST_TICKS = 5
_MOST_VALUES = 4  # written in full, so longer
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """The limits of an axis, where its numbers stand, and how they are written."""

    limits: tuple[float, float]
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    log: bool = False


def linear_scale(values: Sequence[float]) -> Scale:
    """Return a linear scale with some four round numbers."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if not high - low > 1e-12 * max(abs(low), abs(high)):  # one value, or rounding about one
        margin = max(abs(low), 1.0) / 2
        low, high = low - margin, high + margin
    # Halves first: the difference of two huge numbers overflows.
    rough = max(high / 4 - low / 4, 1e-300)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s for s in _STEPS if s * power >= 0.999 * rough) * power
    ticks = [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    margin = 0.04 * (high / 2 - low / 2) * 2
    return Scale((low - margin, high + margin), tuple(ticks), tuple(_plain(t) for t in ticks))


def log_scale(values: Sequence[float], *, at_values: bool = False, room: float = 0.04) -> Scale:
    """Return a logarithmic scale with numbers at powers of ten.

    With `at_values` they stand at the values themselves, where these are few and close together.
    `room` is the share of the axis left free at either end.
    """
    low, high = min(values), max(values)
    decades = math.log10(high) - math.log10(low)
    margin = max(room * decades, 0.3 if decades < 0.5 else 0.0)
    limits = (_power(math.log10(low) - margin), _power(math.log10(high) + margin))
    distinct = sorted(set(values), reverse=True)
    if at_values and decades < 2.9 and len(distinct) <= 12:
        kept = distinct[:: math.ceil(len(distinct) / _MOST_VALUES)]
        return Scale(limits, tuple(kept), tuple(_plain(v) for v in kept), log=True)
    first, last = math.ceil(math.log10(limits[0])), math.floor(math.log10(limits[1]))
    if last <= first:  # within a decade: show the powers of ten around it
        first, last = math.floor(math.log10(low)), max(math.ceil(math.log10(high)), first + 1)
        limits = (min(limits[0], _power(first)), max(limits[1], _power(last)))
    every = max(1, math.ceil((last - first + 1) / _MOST_TICKS))
    exponents = [k for k in range(first, last + 1) if k % every == 0]
    return Scale(limits, tuple(_power(k) for k in exponents), tuple(_ten(k) for k in exponents), log=True)


def _power(exponent: float) -> float:
    return float(10.0 ** min(max(exponent, -307.0), 308.0))


def _ten(exponent: int) -> str:
    return {0: "1", 1: "10"}.get(exponent, "10" + str(exponent).translate(_SUPERSCRIPTS))


def _plain(value: float) -> str:
    if abs(value) < 1e-12:
        return "0"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}".replace("-", "−")
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.replace('-', '−')}·{_ten(int(exponent))}"
