"""The scales of a drawing: limits of an axis, positions between them, and few readable numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MOST_POWERS = 5  # numbers along an axis that are powers of ten
_MOST_VALUES = 4  # numbers along an axis that are written in full, and so are longer
_VALUES_UP_TO = 12  # distinct values; of more, powers of ten are shown instead
_VALUES_WITHIN = 2.9  # decades; beyond, powers of ten are shown instead
_SHORT = 0.5  # decades; a shorter logarithmic axis is widened
_WIDENED = 0.3  # decades on either side of a short axis
_INTERVALS = 4  # between the numbers of a linear axis, about
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # mantissas of the distance between two numbers
_MARGIN = 0.04  # of the axis, free at either end
_SAME = 1e-12  # relative difference below which two values are one value, rounded
_EXPONENTS = (-307.0, 308.0)  # powers of ten that a float64 holds


@dataclass(frozen=True)
class Scale:
    """An axis: its limits, the values that are marked, and their texts."""

    limits: tuple[float, float]
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    log: bool = False
    reverse: bool = False  # it runs from right to left

    def share(self, value: float) -> float:
        """Return the position of a value: 0 at the lower limit, 1 at the upper one; or the reverse."""
        low, high = self.limits
        if self.log:
            share = math.log10(value / low) / (math.log10(high) - math.log10(low))
        else:
            share = (value - low) / (high - low)
        return 1 - share if self.reverse else share


def linear_scale(values: Sequence[float]) -> Scale:
    """Return a linear scale with about five round numbers."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if not high - low > _SAME * max(abs(low), abs(high)):
        half = max(abs(low), 1.0) / 2
        low, high = low - half, high + half
    step = _round_step((high - low) / _INTERVALS)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = tuple(k * step for k in range(first, last + 1))
    margin = _MARGIN * (high - low)
    return Scale((low - margin, high + margin), ticks, tuple(_plain(t) for t in ticks))


def _round_step(rough: float) -> float:
    """Return the first round number that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(s for s in _STEPS if s * power >= 0.999 * rough) * power


def log_scale(values: Sequence[float], *, at_values: bool = False, room: float = _MARGIN) -> Scale:
    """Return a logarithmic scale that is marked at powers of ten.

    With `at_values` the values themselves are marked, where they are few and close together.
    `room` is the share of the axis that is left free at either end.
    """
    low, high = min(values), max(values)
    decades = math.log10(high) - math.log10(low)
    margin = max(room * decades, _WIDENED if decades < _SHORT else 0.0)
    limits = (_power(math.log10(low) - margin), _power(math.log10(high) + margin))
    distinct = sorted(set(values), reverse=True)
    if at_values and decades < _VALUES_WITHIN and len(distinct) <= _VALUES_UP_TO:
        kept = distinct[:: math.ceil(len(distinct) / _MOST_VALUES)]
        return Scale(limits, tuple(kept), tuple(_plain(v) for v in kept), log=True)
    return _powers_of_ten(low, high, limits)


def _powers_of_ten(low: float, high: float, limits: tuple[float, float]) -> Scale:
    first, last = math.ceil(math.log10(limits[0])), math.floor(math.log10(limits[1]))
    if last <= first:  # within a decade: show the powers of ten around it
        first, last = math.floor(math.log10(low)), max(math.ceil(math.log10(high)), first + 1)
        limits = (min(limits[0], _power(first)), max(limits[1], _power(last)))
    every = max(1, math.ceil((last - first + 1) / _MOST_POWERS))
    exponents = [k for k in range(first, last + 1) if k % every == 0]
    return Scale(limits, tuple(_power(k) for k in exponents), tuple(_ten(k) for k in exponents), log=True)


def _power(exponent: float) -> float:
    return float(10.0 ** min(max(exponent, _EXPONENTS[0]), _EXPONENTS[1]))


def _ten(exponent: int) -> str:
    return {0: "1", 1: "10"}.get(exponent, "10" + str(exponent).translate(_SUPERSCRIPTS))


def _plain(value: float) -> str:
    """Return a number with up to three digits."""
    if abs(value) < _SAME:
        return "0"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}".replace("-", "−")
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.replace('-', '−')}·{_ten(int(exponent))}"
