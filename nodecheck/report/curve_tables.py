"""The numbers behind the curves of a panel, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nodecheck.report.limits import LABEL
from nodecheck.report.numbers import number, shorten
from nodecheck.report.panels import Panel
from nodecheck.results import Series
from nodecheck.results.phrases import plural

_MOST_ROWS = 12  # of a curve; of a longer one, some points are left out


@dataclass(frozen=True)
class Table:
    """The numbers of one panel."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def table(panel: Panel) -> Table:
    """Return the panel's own table, or its curves side by side where they have the same x, or in turn."""
    if panel.head:
        return Table("At the end of the ladder", panel.head, panel.rows)
    curves = [s for s in panel.series if s.style != "field"]
    same_x = len({s.x for s in curves}) == 1 and len({s.label for s in curves}) == len(curves)
    head, rows = _side_by_side(panel, curves) if same_x else _in_turn(panel, curves)
    return Table(f"{panel.title}{_left_out(curves)}", head, rows)


def _side_by_side(panel: Panel, curves: list[Series]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    x, y = panel.axes
    stride = _stride(curves[0])
    columns = [[panel.x_text(v) for v in curves[0].x[::stride]], *(_numbers(s.y, stride) for s in curves)]
    return (x or "x", *(_label(s) or y or "y" for s in curves)), tuple(zip(*columns, strict=True))


def _in_turn(panel: Panel, curves: list[Series]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    x, y = panel.axes
    return ("curve", x or "x", y or "y"), tuple(row for s in curves for row in _rows(panel, s))


def _rows(panel: Panel, series: Series) -> Iterator[tuple[str, ...]]:
    stride = _stride(series)
    for x, y in zip(series.x[::stride], series.y[::stride], strict=True):
        yield _label(series), panel.x_text(x), number(y)


def _numbers(values: tuple[float, ...], stride: int) -> list[str]:
    return [number(v) for v in values[::stride]]


def _label(series: Series) -> str:
    return shorten(series.label, LABEL)


def _stride(series: Series) -> int:
    """Return 1 where all points are written, 2 where every second point is, and so on."""
    return max(1, -(-len(series.x) // _MOST_ROWS))


def _left_out(curves: list[Series]) -> str:
    longest = max(curves, key=_stride, default=None)
    if longest is None or _stride(longest) == 1:
        return ""
    points = plural(len(longest.x), "point")
    return f" (every {_stride(longest)}th of {points}; the data in this page has all of them)"
