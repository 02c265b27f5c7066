"""The pictures that show a fault."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from markupsafe import Markup

from nodecheck.report.drawing import draw
from nodecheck.report.faults.gathering import Fault
from nodecheck.report.faults.heat_map import heat_map
from nodecheck.report.faults.number_line import empty_steps, number_line, outside
from nodecheck.report.gradient_accuracy import WORK_PRECISION, known_durations
from nodecheck.report.limits import LABEL
from nodecheck.report.numbers import shorten
from nodecheck.report.panels import Panel
from nodecheck.report.points import positive
from nodecheck.report.slopes import fitted_slope, slope_text
from nodecheck.results import LayerCard, Result, Series

_SIZE = {"width": 440.0, "height": 230.0}
_MOST = 2  # pictures of a fault
_MOST_NAMED = 8  # curves in a legend
_BY_ENTRY, _TIMES = "Gradient by entry", "Evaluation times"
_ORDER_PLOTS = ("Gradient error", "Forward error")
_OUTPUTS = ("Cotangents that arrive", "States at outputs", "Adjoint at outputs")
_OF_GRADIENTS = ("Cotangents that arrive", "Adjoint at outputs")
_OVER_TOLERANCE = ("Error against tolerance", "Gradient error against tolerance")
_MEMORY = ("Memory", "Memory on CUDA", "Process memory")
# Growth of the claimed laws of memory with the number of steps.
_LAWS: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {"constant": lambda _: 1.0, "log": lambda n: 1.0 + math.log(n), "sqrt": math.sqrt, "linear": float}
)
_RIGHT = 1e-3  # of the largest error of an entry: one that is smaller belongs to a right entry
_CAPTIONS = MappingProxyType({
    "Cotangents that arrive": "How often the cotangent of each output arrives: once is right.",
    "Adjoint at outputs": "The adjoint, from t1 back to t0: it jumps by the cotangent of each output.",
    "States at outputs": "The states at output times.",
    "Error against tolerance": "Error of y1 against the tolerance. Triangle: the slope of a right layer.",
    "Gradient error against tolerance": "Error of the gradients against the tolerance. "
    "Triangle: the slope of a right layer.",
    WORK_PRECISION: "Largest error of a gradient against the evaluations of both passes.",
})  # fmt: skip
_LEAST_TO_SEE = 1e-2  # the largest relative error of an entry: smaller ones are pale
_ALIKE = 0.25  # of an order: slopes that are nearer miss the claim alike
_MISSED = 0.5  # of an order: a slope that is less below the claim does not show the fault


@dataclass(frozen=True)
class Picture:
    """A drawing with its caption; `legend` are pairs of a class of the style sheet and a text."""

    svg: Markup
    caption: str
    legend: tuple[tuple[str, str], ...] = ()


def pictures(
    fault: Fault, card: LayerCard | None = None, others: Sequence[Result] = ()
) -> tuple[Picture, ...]:
    """Return the pictures that show the fault of a layer with these claims, at most two.

    `others` are the results of the layer, which tell how many steps a step size stands for.

    An order that is missed is shown against the claim, and entries that are wrong by tensor.  Where a plot
    looks right, as with one step too many, the times of the evaluations are shown instead.
    """
    results = [fault.worst, *(r for group in fault.groups for r in group.results)]
    forward = fault.area.name == "forward"
    curves = ("Forward error",) if forward else _ORDER_PLOTS
    orders = list(_of_orders(results, curves, known_durations(others or results)))
    entries = [] if forward else list(_of_entries(results))  # there the gradient only follows
    found = [*_of_times(results)]
    found += [*entries, *orders] if _some_right(results) else [*orders, *entries]
    if "gradient" in fault.area.name:
        found = [*list(_as_they_are(results, _OF_GRADIENTS))[:1], *found]
    else:
        found = [*_as_they_are(results, _OUTPUTS), *found]
    found += _of_memory(results, card)
    found += _as_they_are(results, _OVER_TOLERANCE if forward else _OVER_TOLERANCE[::-1])
    if any(s.plot in _OVER_TOLERANCE for r in results for s in r.series) and not forward:
        found += _as_they_are(results, (WORK_PRECISION,))
    return tuple(found[:_MOST])


def _of_times(results: Sequence[Result]) -> Iterator[Picture]:
    """Yield the number line of the first result with times that should not be, or with steps left out."""
    for r in results:
        marks = [s for s in r.series if s.plot == _TIMES]
        if len(marks) > 1 and any(outside(marks[0], s) or empty_steps(marks[0], s) for s in marks[1:]):
            n = len(marks[0].x) - 1
            caption = (
                f"Times at which the field is evaluated, {n} steps asked for. "
                f"Red: outside of the interval, and steps without any."
            )
            yield Picture(number_line(marks), caption)
            return


def _of_orders(
    results: Sequence[Result], plots: Sequence[str], durations: Mapping[tuple[float, ...], float]
) -> Iterator[Picture]:
    """Yield the curve that misses its claimed slope most; of those alike the one with the largest error."""
    curves = [(r, s) for r in results for s in r.series if s.plot in plots and s.slope]
    missed = [(_shortfall(s), r, s) for r, s in curves if _shortfall(s) > _MISSED]
    if not missed:
        return
    most = max(shortfall for shortfall, _, _ in missed)
    alike = [(r, s) for shortfall, r, s in missed if shortfall > most - _ALIKE]
    result, worst = max(alike, key=lambda pair: min(positive(pair[1]), default=(0.0, 0.0))[1])
    claimed = _claimed_line(worst)
    panel = Panel(
        worst.plot,
        shorten(worst.label, LABEL),
        result.layer,
        (claimed, replace(worst, label="measured", slope=None)),
        result.problem,
        marks={claimed.label: "claimed", "measured": "wrong"},
        duration=durations.get(worst.x, math.nan),
    )
    legend = (("claimed", claimed.label), ("wrong", f"measured, {slope_text(worst) or 'no order'}"))
    what = shorten(worst.label, LABEL)
    where = f" on {result.problem}" if result.problem and result.problem not in what else ""
    yield Picture(draw(panel, **_SIZE), f"{worst.plot} of {what}{where}, against the steps.", legend)


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
        if cells and max((e for s in cells for e in s.y), default=0.0) > _LEAST_TO_SEE:
            where = f" on {r.problem}" if r.problem else ""
            caption = f"Error of the gradient by entry{where}. Full red: as large as the gradient."
            yield Picture(heat_map(cells), caption)
            return


def _some_right(results: Sequence[Result]) -> bool:
    """Return True if some entries of the gradient are right and others wrong: a map says most then."""
    for r in results:
        errors = [e for s in r.series if s.plot == _BY_ENTRY for e in s.y]
        if errors:
            return min(errors) < _RIGHT * max(errors)
    return False


def _of_memory(results: Sequence[Result], card: LayerCard | None) -> Iterator[Picture]:
    """Yield the bytes that grow most with the steps, beside the claimed law through the first of them."""
    for plot in _MEMORY:
        curves = [(r, s) for r in results for s in r.series if s.plot == plot and len(list(positive(s))) > 1]
        if not curves:
            continue
        result, worst = max(curves, key=lambda pair: _growth(pair[1]))
        shown: list[Series] = []
        if card is not None and card.memory is not None and card.memory in _LAWS:
            shown.append(_law(worst, card.memory))
        measured = replace(worst, label="measured", slope=None)
        marks = {s.label: "claimed" for s in shown} | {measured.label: "wrong"}
        panel = Panel(plot, plot, result.layer, (*shown, measured), result.problem, marks=marks)
        legend = tuple((kind, label) for label, kind in marks.items())
        yield Picture(
            draw(panel, **_SIZE), f"Bytes {shorten(worst.label, LABEL)}, against the steps.", legend
        )


def _growth(series: Series) -> float:
    points = sorted(positive(series))
    return points[-1][1] / points[0][1]


def _law(series: Series, law: str) -> Series:
    """Return the claimed law through the first point."""
    points = sorted(positive(series))
    (x0, y0), grow = points[0], _LAWS[law]
    xs = tuple(x for x, _ in points)
    ys = tuple(y0 * grow(max(x, 1.0)) / grow(max(x0, 1.0)) for x in xs)
    return replace(series, label=f"claimed, {law}", x=xs, y=ys, style="line", slope=None)


def _marks(series: Sequence[Series]) -> dict[str, str]:
    """Return grey for the reference and red for the layer, where there is one curve of each."""
    labels = list(dict.fromkeys(s.label for s in series))
    references = [name for name in labels if name == "exact" or name.startswith("SciPy")]
    if len(references) != 1 or len(labels) != 2:
        return {}
    return {name: "claimed" if name in references else "wrong" for name in labels}


def _as_they_are(results: Sequence[Result], plots: Sequence[str]) -> Iterator[Picture]:
    """Yield the plots that show what they show without more."""
    for plot in plots:
        result = next((r for r in results if any(s.plot == plot for s in r.series)), None)
        if result is None:
            continue
        series = tuple(s for s in result.series if s.plot == plot)
        title, ending = shorten(result.problem or plot, LABEL), f", {result.problem}"
        panel = Panel(plot, title, result.layer, series, result.problem, marks=_marks(series))
        legend = tuple(
            (panel.marks.get(s) or f"k{panel.rank(s) + 1}", shorten(s.removesuffix(ending), LABEL))
            for s in panel.labels[:_MOST_NAMED]
        )
        yield Picture(draw(panel, **_SIZE), _CAPTIONS.get(plot, f"{plot}."), legend)
