"""Slopes on logarithmic axes: the one that a curve has, and the one that it is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nodecheck.report.points import LARGEST, Point, positive
from nodecheck.results import Series

_FROM, _TO = 0.60, 0.85  # ends of the triangle, as shares of the x axis
_GAP = 0.06  # between triangle and curves, as a share of the y axis
_LEAST_RANGE = math.log10(2.0)  # decades that a share refers to where the curves are flat
_RELATIVE = 1e-6  # two step sizes that differ by less are one step size, rounded


def fitted_slope(series: Series) -> float:
    """Return the observed order over the finest levels clear of rounding; NaN if there is none.

    The fit is that of the checks, so the legend and the verdict agree.
    """
    from nodecheck.numerics import fit_order, roundoff  # imports numpy: only pages with curves need it

    points = sorted(positive(series), reverse=True)
    levels = [round(points[0][0] / x / _RELATIVE) for x, _ in points]
    if not points or len(set(levels)) < len(points):
        return math.nan
    return fit_order(levels, [y for _, y in points], roundoff(points[0][0] / points[-1][0])).slope


def slope_text(series: Series) -> str:
    """Return the fitted slope for a legend; empty where a slope has no meaning.

    Bytes are a constant plus a part that grows.  Their slope on logarithmic axes is no growth law: the checks
    fit that.
    """
    slope = fitted_slope(series) if series.log and series.y_label != "bytes" else math.nan
    return "" if math.isnan(slope) else f"slope {slope:z.2f}".replace("-", "−")


@dataclass(frozen=True)
class Triangle:
    """A right triangle whose hypotenuse has the slope asked for."""

    slope: float
    corners: tuple[Point, ...]  # closed: the last is the first

    @property
    def lowest(self) -> float:
        """The least y of the corners."""
        return min(y for _, y in self.corners)


def slope_triangle(series: Iterable[Series], points: Sequence[Point]) -> Triangle | None:
    """Return the triangle below the points, or None where no slope is asked for or none can be shown."""
    slope = next((s.slope for s in series if s.slope and math.isfinite(s.slope)), None)
    logs = sorted((math.log10(x), math.log10(y)) for x, y in points)
    if slope is None or not logs or logs[0][0] == logs[-1][0]:
        return None
    low, width = logs[0][0], logs[-1][0] - logs[0][0]
    a, b = low + _FROM * width, low + _TO * width
    heights = [y for _, y in logs]
    gap = _GAP * max(max(heights) - min(heights), _LEAST_RANGE)
    top = min(y - slope * (x - b) for x, y in logs if x > a - _RELATIVE) - gap
    foot = top - slope * (b - a)
    if max(abs(top), abs(foot)) >= math.log10(LARGEST):
        return None
    corners = [(10.0**x, 10.0**y) for x, y in ((a, foot), (b, foot), (b, top), (a, foot))]
    return Triangle(slope, tuple(corners))
