"""The points of a curve that a drawing can show."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nodecheck.results import Series

Point = tuple[float, float]

# The largest value that is drawn: beyond it the arithmetic of the axes overflows.  The tables show all.
LARGEST = 1e100


def shown_points(series: Series, *, log: bool) -> Iterator[Point]:
    """Yield the points for logarithmic or for linear axes."""
    return positive(series) if log else with_gaps(series)


def positive(series: Series) -> Iterator[Point]:
    """Yield the points that logarithmic axes can show."""
    for x, y in zip(series.x, series.y, strict=True):
        if 1 / LARGEST < x < LARGEST and 1 / LARGEST < y < LARGEST:
            yield x, y


def with_gaps(series: Series) -> Iterator[Point]:
    """Yield the points for linear axes, with NaN, a gap in the curve, for those that cannot be shown."""
    for x, y in zip(series.x, series.y, strict=True):
        yield (x, y) if abs(x) < LARGEST and abs(y) < LARGEST else (math.nan, math.nan)
