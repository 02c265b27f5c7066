"""The pictures that show a fault."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from nodecheck.report.drawing import draw
from nodecheck.report.faults.gathering import Fault
from nodecheck.report.faults.heat_map import heat_map
from nodecheck.report.faults.number_line import empty_steps, number_line, outside
from nodecheck.report.limits import LABEL
from nodecheck.report.numbers import shorten
from nodecheck.report.panels import Panel
from nodecheck.report.points import positive
from nodecheck.report.slopes import fitted_slope, slope_text
from nodecheck.results import Result, Series

_SIZE = {"width": 440.0, "height": 230.0}
_MOST = 2  # pictures of a fault
_BY_ENTRY, _TIMES = "Gradient by entry", "Evaluation times"
_ORDER_PLOTS = ("Gradient error", "Forward error")
# Plots that show a fault as they are, in the order in which they are chosen.
_AS_THEY_ARE = (
    ("States at outputs", "Adjoint at outputs"),
    ("Memory", "Memory on CUDA", "Process memory"),
    ("Gradient error against tolerance", "Error against tolerance"),
)
_MISSED = 0.5  # of an order: a slope that is less below the claim does not show the fault


@dataclass(frozen=True)
class Picture:
    """A drawing with its caption; `legend` are pairs of a class of the style sheet and a text."""

    svg: Markup
    caption: str
    legend: tuple[tuple[str, str], ...] = ()


def pictures(fault: Fault) -> tuple[Picture, ...]:
    """Return the pictures that show the fault, at most two.

    An order that is missed is shown against the claim, and entries that are wrong by tensor.  Where a plot
    looks right, as with one step too many, the times of the evaluations are shown instead.
    """
    results = [fault.worst, *(r for group in fault.groups for r in group.results)]
    found = [*_of_times(results), *_of_orders(results)]
    if fault.area.name != "forward":  # there the gradient only follows
        found += _of_entries(results)
    return tuple([*found, *_others(results)][:_MOST])


def _of_times(results: Sequence[Result]) -> Iterator[Picture]:
    """Yield the number line of the first result with times that should not be, or with steps left out."""
    for r in results:
        marks = [s for s in r.series if s.plot == _TIMES]
        if len(marks) > 1 and any(outside(marks[0], s) or empty_steps(marks[0], s) for s in marks[1:]):
            n = len(marks[0].x) - 1
            caption = (
                f"Times at which the field is evaluated, {n} steps asked for. Red: outside of the interval."
            )
            yield Picture(number_line(marks), caption)
            return


def _of_orders(results: Sequence[Result]) -> Iterator[Picture]:
    """Yield the curve that misses its claimed slope most."""
    curves = [(r, s) for r in results for s in r.series if s.plot in _ORDER_PLOTS and s.slope]
    missed = [(_shortfall(s), r, s) for r, s in curves if _shortfall(s) > _MISSED]
    if not missed:
        return
    _, result, worst = max(missed, key=lambda item: item[0])
    claimed = _claimed_line(worst)
    panel = Panel(
        worst.plot,
        shorten(worst.label, LABEL),
        result.layer,
        (claimed, replace(worst, label="measured", slope=None)),
        result.problem,
        marks={claimed.label: "claimed", "measured": "wrong"},
    )
    legend = (("claimed", claimed.label), ("wrong", f"measured, {slope_text(worst) or 'no order'}"))
    what = shorten(worst.label, LABEL)
    where = f" on {result.problem}" if result.problem and result.problem not in what else ""
    yield Picture(draw(panel, **_SIZE), f"{worst.plot} of {what}{where}, against the step.", legend)


def _shortfall(series: Series) -> float:
    """Return by how much the slope of a curve is below the claim; not at all where it has none."""
    slope = fitted_slope(series)
    return 0.0 if math.isnan(slope) else (series.slope or 0.0) - slope


def _claimed_line(series: Series) -> Series:
    """Return the line of the claimed slope through the coarsest point."""
    points = list(positive(series))
    order = series.slope or 0.0
    x0, y0 = max(points)
    xs = tuple(x for x, _ in points)
    ys = tuple(y0 * (x / x0) ** order for x in xs)
    return replace(series, label=f"claimed, order {order:g}", x=xs, y=ys, style="line", slope=None)


def _of_entries(results: Sequence[Result]) -> Iterator[Picture]:
    for r in results:
        cells = [s for s in r.series if s.plot == _BY_ENTRY]
        if cells:
            where = f" on {r.problem}" if r.problem else ""
            caption = f"Error of the gradient by entry{where}. Full red: as large as the gradient."
            yield Picture(heat_map(cells), caption)
            return


def _others(results: Sequence[Result]) -> Iterator[Picture]:
    """Yield the plots that show what they show without more."""
    for plots in _AS_THEY_ARE:
        for plot in plots:
            result = next((r for r in results if any(s.plot == plot for s in r.series)), None)
            if result is None:
                continue
            series = tuple(s for s in result.series if s.plot == plot)
            panel = Panel(plot, shorten(result.problem or plot, LABEL), result.layer, series, result.problem)
            legend = tuple((f"k{panel.rank(label) + 1}", shorten(label, LABEL)) for label in panel.labels[:8])
            yield Picture(
                draw(panel, **_SIZE), f"{plot}{f', {result.problem}' if result.problem else ''}.", legend
            )
