"""The error of every entry of a gradient, tensor by tensor: right entries are pale, wrong ones red."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

from nodecheck.report import svg
from nodecheck.report.limits import LABEL
from nodecheck.report.numbers import number, shorten
from nodecheck.results import Series

# Lengths in units of the drawing.
_WIDTH = 440.0
_CELL, _GAP = 17.0, 1.5  # side of an entry, and the space between two
_SMALLEST = 3.0  # side of an entry of a wide tensor
_BETWEEN = 22.0  # from one tensor to the next
_TITLE = 14.0  # above a tensor
_CHARACTER = 5.4
_FAINT, _STRONG = 1e-3, 1.0  # relative errors: pale below, full red above


def heat_map(series: Sequence[Series]) -> Markup:
    """Return the tensors side by side, in lines, each with its name and its largest error."""
    x, y, lowest = 0.0, 0.0, 0.0
    body: list[Markup] = []
    for one in series:
        rows = _rows(one)
        name = f"{shorten(one.label, LABEL)}  {_size(one)}"
        side = max(min(_CELL, _WIDTH / max(map(len, rows)) - _GAP), _SMALLEST)
        width = max(max(map(len, rows)) * (side + _GAP), _CHARACTER * len(name))
        if x and x + width > _WIDTH:
            x, y, lowest = 0.0, lowest + _BETWEEN, 0.0
        body += _tensor(rows, name, x, y, side)
        lowest = max(lowest, y + _TITLE + len(rows) * (side + _GAP))
        x += width + _BETWEEN
    words = "; ".join(f"{s.label}: largest relative error {number(max(s.y))}" for s in series if s.y)
    return svg.drawing(
        _WIDTH, lowest + _GAP, title="Gradient by entry", description=words, body=[Markup(b) for b in body]
    )


def _rows(one: Series) -> list[list[float]]:
    """Return the entries in rows: a row begins where the column is 0."""
    rows: list[list[float]] = []
    for column, value in zip(one.x, one.y, strict=True):
        if column == 0 or not rows:
            rows.append([])
        rows[-1].append(value)
    if all(len(row) == 1 for row in rows):  # a vector lies on its side
        return [[row[0] for row in rows]]
    return rows


def _size(one: Series) -> str:
    """Return the RMS of the errors of a tensor, in per cent, or that it is right."""
    finite = [v for v in one.y if math.isfinite(v)]
    if len(finite) < len(one.y):
        return "not finite"
    size = math.sqrt(sum(v * v for v in finite) / len(finite)) if finite else 0.0
    return f"{100 * size:.2g} %" if size < 1 else f"{100 * size:.0f} %"


def _tensor(rows: list[list[float]], name: str, x: float, y: float, side: float) -> Iterator[Markup]:
    yield svg.label(name, x, y + _TITLE - 5)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            left, top = x + j * (side + _GAP), y + _TITLE + i * (side + _GAP)
            yield Markup(
                f'<rect class="cell-of" x="{left:.1f}" y="{top:.1f}" width="{side:.1f}" height="{side:.1f}" '
                f'fill-opacity="{strength(value):.2f}"><title>{escape(number(value))}</title></rect>'
            )


def strength(error: float) -> float:
    """Return 0.06 for a small error, 1 for one as large as the gradient, and by its logarithm between."""
    if not math.isfinite(error):
        return 1.0
    share = math.log(max(error, _FAINT) / _FAINT) / math.log(_STRONG / _FAINT)
    return 0.06 + 0.94 * min(share, 1.0)
