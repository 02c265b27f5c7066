"""The figures of a run as the page shows them: drawings with their legends and their numbers."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from nodecheck.report.comparison import comparison
from nodecheck.report.curve_tables import Table, table
from nodecheck.report.drawing import draw
from nodecheck.report.memory import memory_picture
from nodecheck.report.numbers import shorten
from nodecheck.report.panels import Figure, Panel, figures
from nodecheck.report.slopes import slope_text
from nodecheck.report.svg import COLOURS
from nodecheck.results import Run

GLYPHS = ("●", "■", "▲", "◆", "▼", "✚", "✖", "★")  # the markers of `svg`, in the same order
_LINE = "━"
_LONGEST_LABEL = 40  # characters
# Width and height in CSS pixels, as drawn on a wide screen; the names are classes of the style sheet.
_SIZES = {"small": (250.0, 200.0), "portrait": (340.0, 290.0), "wide": (440.0, 230.0)}


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


def comparison_section(run: Run) -> list[tuple[str, list[DrawnFigure]]]:
    """Return the comparison of all layers, if there are two to compare."""
    drawn = [_drawn(figure, "wide") for figure in (*comparison(run), *memory_picture(run))]
    return [("", drawn)] if drawn else []


def layer_sections(run: Run, layers: tuple[str, ...]) -> list[tuple[str, list[DrawnFigure]]]:
    """Return each layer that has curves, with its figures."""
    sections = [(name, [_drawn(f, _size(f)) for f in figures(run.of_layer(name))]) for name in layers]
    return [(name, drawn) for name, drawn in sections if drawn]


def _size(figure: Figure) -> str:
    return "portrait" if figure.name == "Phase portrait" else "small"


def _drawn(figure: Figure, size: str) -> DrawnFigure:
    width, height = _SIZES[size]
    panels = tuple(
        DrawnPanel(p.title, draw(p, width=width, height=height), _legend(p), table(p)) for p in figure.panels
    )
    return DrawnFigure(figure.name, figure.note, panels, size, figure.open)


def _legend(panel: Panel) -> tuple[Entry, ...]:
    entries = []
    for label in panel.labels:
        colour = panel.rank(label) % COLOURS
        first = next(s for s in panel.series if s.label == label and s.style != "field")
        glyph = _LINE if first.style == "line" else GLYPHS[colour]
        entries.append(Entry(colour + 1, glyph, shorten(label, _LONGEST_LABEL), slope_text(first)))
    return tuple(entries)
