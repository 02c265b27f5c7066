"""The plots of a run, drawn: panels with their legends and the numbers behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from nodecheck.report.comparison import comparison
from nodecheck.report.drawing import draw, settings
from nodecheck.report.memory import memory_picture
from nodecheck.report.numbers import number, plural, shorten
from nodecheck.report.panels import Figure, Panel, figures, slope_text
from nodecheck.results import Run, Series

GLYPHS = ("●", "■", "▲", "◆", "▼", "✚", "✖", "★")  # the markers of `drawing`, in the same order
_COLOURS = len(GLYPHS)
_MOST_ROWS = 24
# Width and height as drawn, one to one on a wide screen; the names are classes of the style sheet.
_SIZES = {"small": (250.0, 200.0), "portrait": (340.0, 290.0), "wide": (440.0, 230.0)}


@dataclass(frozen=True)
class Entry:
    """One line of a legend."""

    colour: int
    glyph: str
    label: str
    slope: str


@dataclass(frozen=True)
class Table:
    """The numbers of one panel."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class DrawnPanel:
    """A panel as the page shows it."""

    title: str
    svg: Markup
    legend: tuple[Entry, ...]
    table: Table


@dataclass(frozen=True)
class Drawn:
    """A figure as the page shows it."""

    name: str
    note: str
    panels: tuple[DrawnPanel, ...]
    size: str
    open: bool


def comparison_section(run: Run) -> list[tuple[str, list[Drawn]]]:
    """Return the comparison of all layers, if there are two to compare."""
    with settings():
        drawn = [
            _drawn(f, f"f-all-{k}", "wide") for k, f in enumerate([*comparison(run), *memory_picture(run)])
        ]
    return [("", drawn)] if drawn else []


def layer_sections(run: Run, layers: tuple[str, ...]) -> list[tuple[str, list[Drawn]]]:
    """Return each layer that has curves, with its figures."""
    sections = []
    with settings():
        for i, name in enumerate(layers):
            drawn = [
                _drawn(f, f"f{i}-{k}", "portrait" if f.name == "Phase portrait" else "small")
                for k, f in enumerate(figures(run.of_layer(name)))
            ]
            if drawn:
                sections.append((name, drawn))
    return sections


def _drawn(figure: Figure, key: str, size: str) -> Drawn:
    width, height = _SIZES[size]
    panels = tuple(
        DrawnPanel(p.title, draw(p, f"{key}-{k}", width=width, height=height), _legend(p), _table(p))
        for k, p in enumerate(figure.panels)
    )
    return Drawn(figure.name, figure.note, panels, size, figure.open)


def _legend(panel: Panel) -> tuple[Entry, ...]:
    entries = []
    for label in panel.labels:
        k = panel.rank(label)
        first = next(s for s in panel.series if s.label == label and s.style != "field")
        glyph = "━" if first.style == "line" else GLYPHS[k % _COLOURS]
        entries.append(Entry(k % _COLOURS + 1, glyph, shorten(label, 40), slope_text(first)))
    return tuple(entries)


def _table(panel: Panel) -> Table:
    if panel.head:
        return Table("At the end of the ladder", panel.head, panel.rows)
    curves = [s for s in panel.series if s.style != "field"]
    x, y = panel.axes
    if len({s.x for s in curves}) == 1 and len({s.label for s in curves}) == len(curves):
        head = (x or "x", *(shorten(s.label, 40) or y or "y" for s in curves))
        columns = [
            [number(v) for v in values[:: _stride(curves[0])]]
            for values in (curves[0].x, *(s.y for s in curves))
        ]
        rows = tuple(zip(*columns, strict=True))
    else:
        head = ("curve", x or "x", y or "y")
        rows = tuple(row for s in curves for row in _rows(s))
    return Table(f"{panel.title}{_left_out(panel)}", head, rows)


def _rows(series: Series) -> Iterator[tuple[str, ...]]:
    label, step = shorten(series.label, 40), _stride(series)
    for x, y in zip(series.x[::step], series.y[::step], strict=True):
        yield label, number(x), number(y)


def _stride(series: Series) -> int:
    """Return every how many points a row is written, so that a long curve does not fill the page."""
    return max(1, -(-len(series.x) // _MOST_ROWS))


def _left_out(panel: Panel) -> str:
    longest = max((s for s in panel.series if s.style != "field"), key=_stride, default=None)
    if longest is None or _stride(longest) == 1:
        return ""
    points = plural(len(longest.x), "point")
    return f" (every {_stride(longest)}th of {points}; all of them are in the embedded data)"
