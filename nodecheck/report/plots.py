"""The figures of a run as the page shows them: drawings with their legends and their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from markupsafe import Markup

from nodecheck.report.curve_tables import Table, table
from nodecheck.report.drawing import draw
from nodecheck.report.layer_comparison import comparison_figures
from nodecheck.report.limits import LABEL
from nodecheck.report.memory_figure import memory_figures
from nodecheck.report.numbers import shorten
from nodecheck.report.panels import Figure, Panel, figures
from nodecheck.report.slopes import slope_text
from nodecheck.report.svg import COLOURS
from nodecheck.results import Result, Run

GLYPHS = ("●", "■", "▲", "◆", "▼", "✚", "✖", "★")  # the markers of `svg`, in the same order
_LINE = "━"
# Width and height in CSS pixels, as drawn on a wide screen; the names are classes of the style sheet.
_SIZES = {"small": (250.0, 200.0), "portrait": (340.0, 290.0), "wide": (440.0, 230.0)}


LARGE = ("Phase portrait", "Backward pass", "Output times")  # figures of many points
# Figures of convergence, with the number of their panels that are shown in brief.
CONVERGENCE = {
    "Forward error": 1,
    "Gradient error": 2,
    "Error against tolerance": 1,
    "Gradient error against tolerance": 2,
}
_NO_TABLE = Table("", (), ())


class Extent(Enum):
    """The figures of a layer that are drawn: all, those of few points, or those of convergence in brief."""

    WHOLE = auto()
    PLAIN = auto()
    BRIEF = auto()
    NONE = auto()


@dataclass(frozen=True)
class Entry:
    """One line of a legend."""

    colour: int
    glyph: str
    label: str
    slope: str


@dataclass(frozen=True)
class DrawnPanel:
    """A panel as the page shows it."""

    title: str
    svg: Markup
    legend: tuple[Entry, ...]
    table: Table


@dataclass(frozen=True)
class DrawnFigure:
    """A figure as the page shows it."""

    name: str
    note: str
    panels: tuple[DrawnPanel, ...]
    size: str
    open: bool
    aside: bool = False  # folded: of many points, and seldom what is looked for


def comparison_section(run: Run) -> list[DrawnFigure]:
    """Return the comparison of all layers, if there are two to compare."""
    return [drawn_figure(figure, "wide") for figure in (*comparison_figures(run), *memory_figures(run))]


def layer_sections(
    results: Mapping[str, Iterable[Result]], extent: Callable[[str], Extent] = lambda _: Extent.WHOLE
) -> list[tuple[str, list[DrawnFigure]]]:
    """Return the figures of each layer by name; a layer whose results have no curves is left out."""
    sections = [(name, _figures(found, extent(name))) for name, found in results.items()]
    return [(name, drawn) for name, drawn in sections if drawn]


def _figures(results: Iterable[Result], extent: Extent) -> list[DrawnFigure]:
    found = [] if extent is Extent.NONE else figures(results)
    if extent is Extent.PLAIN:
        found = [f for f in found if f.name not in LARGE]
    if extent is Extent.BRIEF:
        found = [replace(f, panels=f.panels[: CONVERGENCE[f.name]]) for f in found if f.name in CONVERGENCE]
    return [drawn_figure(f, _size(f), with_table=extent is not Extent.BRIEF) for f in found]


def _size(figure: Figure) -> str:
    return "portrait" if figure.name == "Phase portrait" else "small"


def drawn_figure(figure: Figure, size: str, *, with_table: bool = True) -> DrawnFigure:
    """Return a figure as the page shows it; `size` is a name of `_SIZES`."""
    width, height = _SIZES[size]
    panels = tuple(
        DrawnPanel(
            p.title, draw(p, width=width, height=height), _legend(p), table(p) if with_table else _NO_TABLE
        )
        for p in figure.panels
    )
    return DrawnFigure(figure.name, figure.note, panels, size, figure.open, figure.name in LARGE)


def _legend(panel: Panel) -> tuple[Entry, ...]:
    entries = []
    for label in panel.labels:
        colour = panel.rank(label) % COLOURS
        first = next(s for s in panel.series if s.label == label and s.style != "field")
        glyph = _LINE if first.style == "line" else GLYPHS[colour]
        alone = sum(s.label == label for s in panel.series) == 1
        slope = slope_text(first) if alone else ""
        entries.append(Entry(colour + 1, glyph, shorten(label, LABEL), slope))
    return tuple(entries)
