"""Numbers and outside text in the form that terminal and page have in common."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from nodecheck.report.limits import NAME
from nodecheck.results import Measurement

# Control characters act on a terminal or end an HTML document; bidirectional overrides change the order in
# which a name is shown; a lone surrogate cannot be encoded.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_PLAIN_FROM, _PLAIN_BELOW = 1e-3, 1e5  # a number outside is written with an exponent


def clean(text: object) -> str:
    """Return the text with U+FFFD in place of every character that acts on its surroundings."""
    return _UNSAFE.sub("\ufffd", str(text).replace("\r\n", "\n"))


def shorten(text: str, length: int = NAME) -> str:
    """Return the text on one line, with its middle left out if it is longer than `length`."""
    line = " ".join(clean(text).split())
    if len(line) <= length:
        return line
    head = (length - 1) * 2 // 3
    return f"{line[:head]}…{line[head + 1 - length :]}"


def number(value: float) -> str:
    """Return a value with three significant digits, two beside an exponent: 4.00, 0.0123, 1.2e-13.

    Whole numbers are written in full: they are counts, or exact.
    """
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinity" if value > 0 else "−infinity"
    if value == int(value) and abs(value) < _PLAIN_BELOW:
        return f"{value:.0f}".replace("-", "−") if value else "0"
    return _significant(value).replace("-", "−", 1) if value < 0 else _significant(value)


def _significant(value: float) -> str:
    rounded = float(f"{value:.2e}")
    if not _PLAIN_FROM <= abs(rounded) < _PLAIN_BELOW:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{value:.{decimals}f}"


def quantity(value: float, unit: str) -> str:
    """Return a value with its unit."""
    return f"{number(value)} {clean(unit)}".rstrip()


def bound(measurement: Measurement) -> str:
    """Return the bound with its direction: at least 3.5."""
    direction = "at most" if measurement.at_most else "at least"
    limit, short = measurement.bound, f"{measurement.bound:.3g}"
    # A bound such as 3.5 is exact, so it has no further digits.
    exact = short if float(short) == limit and "e" not in short and limit >= 0 else number(limit)
    return (
        f"{direction} {exact if math.isfinite(limit) else number(limit)} {clean(measurement.unit)}".rstrip()
    )


def sentence(measurement: Measurement) -> str:
    """Return one measurement as a phrase: value 3.98, bound at least 3.5."""
    return f"value {quantity(measurement.value, measurement.unit)}, bound {bound(measurement)}"


def duration(seconds: float) -> str:
    """Return a number of seconds with a unit: 21 ms, 31.4 s, 2 min 5 s."""
    if not math.isfinite(seconds):
        return number(seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def moment(started: str) -> str:
    """Return an ISO 8601 moment without its fraction: 2025-03-04 09:12:44 UTC; other text unchanged."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?:Z|\+00:00)", started)
    return f"{match[1]} {match[2]} UTC" if match else clean(started)


def span(values: Iterable[str]) -> str:
    """Return the values of one fact on several problems: one value, a range of numbers, or a list."""
    distinct = list(dict.fromkeys(clean(v) for v in values))
    try:
        numbers = sorted(distinct, key=float)
    except ValueError:
        return ", ".join(distinct)
    return numbers[0] if len(numbers) == 1 else " to ".join((numbers[0], numbers[-1])) if numbers else ""
