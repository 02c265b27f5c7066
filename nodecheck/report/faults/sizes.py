"""The size of a fault, from the curves of its result."""

from __future__ import annotations

from nodecheck.report.gradient_accuracy import known_durations
from nodecheck.report.limits import LABEL
from nodecheck.report.numbers import shorten
from nodecheck.report.points import positive
from nodecheck.results import Result, Series
from nodecheck.results.phrases import in_per_cent, plural

_AGAINST_STEPS = ("Forward error", "Gradient error")
_AGAINST_TOLERANCE = ("Error against tolerance", "Gradient error against tolerance")
_MEMORY = ("Memory", "Memory on CUDA", "Process memory")
_REFERENCE = "SciPy"  # the label of a curve that is not the layer's begins so


def size_of(result: Result) -> str:
    """Return a sentence on the error at the finest level, or on the growth of memory; "" without a curve."""
    for plots, size in ((_AGAINST_STEPS, _at_steps), (_AGAINST_TOLERANCE, _at_tolerance), (_MEMORY, _grown)):
        curves = [s for s in result.series if s.plot in plots and not s.label.startswith(_REFERENCE)]
        curves = [s for s in curves if any(positive(s))]
        if curves:
            return size(result, curves)
    return ""


def _at_steps(result: Result, curves: list[Series]) -> str:
    """Return the largest error at the smallest step."""
    worst = max(curves, key=_finest)
    duration = known_durations([result]).get(worst.x)
    steps = f" with {duration / min(worst.x):.0f} steps" if duration else " at the smallest step"
    return f"{_name(worst)} is off by {in_per_cent(_finest(worst))}{steps}."


def _at_tolerance(_: Result, curves: list[Series]) -> str:
    """Return the largest error at the tightest tolerance."""
    worst = max(curves, key=_finest)
    return f"{_name(worst)} is off by {in_per_cent(_finest(worst))} at tol = {min(worst.x):g}."


def _grown(_: Result, curves: list[Series]) -> str:
    """Return the largest factor by which memory grows."""
    ends = [sorted(positive(s)) for s in curves]
    (x0, y0), (x1, y1) = max(((p[0], p[-1]) for p in ends), key=lambda pair: pair[1][1] / pair[0][1])
    return f"{plural(f'{y1 / y0:.2g}', 'time')} the bytes from {x0:g} to {x1:g} {curves[0].x_label}."


def _finest(series: Series) -> float:
    """Return the error at the smallest x."""
    return min(positive(series))[1]


def _name(series: Series) -> str:
    return shorten(series.label.partition(",")[0], LABEL)
