"""A picture of distributions: rows of dots on a logarithmic axis, panels side by side, as one SVG file."""

from __future__ import annotations

import html
import math
import statistics
from collections.abc import Mapping, Sequence

PANEL, ROW, TOP, BOTTOM, GAP = 190.0, 17.0, 44.0, 34.0, 32.0
LETTER = 7.4  # of the labels on the left, at most
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}"
    ".t{font-weight:600}.e{text-anchor:end}.m{text-anchor:middle}"
    ".g{stroke:#ddd}.d{stroke:#3566a8;stroke-opacity:.45;stroke-width:6;stroke-linecap:round}"
    ".c{stroke:#c03;stroke-width:2.5}"
)


def strips(title: str, panels: Mapping[str, Mapping[str, Sequence[float]]], x_label: str) -> str:
    """Return the SVG of a distribution.

    Parameters
    ----------
    title : str
        Says what is shown, above the panels.
    panels : mapping
        By title of the panel and label of the row: the values, above 0.  Panels have the same rows; a row
        may be empty.
    x_label : str
        The quantity on the axis, which all panels share.
    """
    values = [v for rows in panels.values() for of in rows.values() for v in of]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    labels = list(next(iter(panels.values())))
    left = 14.0 + LETTER * max(map(len, labels))
    width = left + len(panels) * (PANEL + GAP)
    height = TOP + ROW * len(labels) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img"><title>{html.escape(title)}</title><style>{STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/>',
        _text(title, 8, 16, "t"),
        *(_text(name, left - 10, _middle(k) + 4, "e") for k, name in enumerate(labels)),
    ]
    for k, (name, rows) in enumerate(panels.items()):
        parts += _panel(name, list(rows.values()), left + k * (PANEL + GAP), (low, high), height)
    parts.append(_text(x_label, left, height - 4))
    return "\n".join([*parts, "</svg>\n"])


def _panel(
    name: str, rows: list[Sequence[float]], left: float, decades: tuple[int, int], height: float
) -> list[str]:
    """Return the axis, the dots and the medians of one panel."""
    low, high = decades

    def x(value: float) -> float:
        return left + PANEL * (math.log10(value) - low) / (high - low)

    found = [_text(name, left, TOP - 10)]
    for decade in range(low, high + 1):
        at = x(10.0**decade)
        found.append(f'<path class="g" d="M{at:.1f} {TOP:g}V{height - BOTTOM:g}"/>')
        if (decade - low) % 2 == 0:
            found.append(_text(f"1e{decade}" if decade else "1", at, height - BOTTOM + 13, "m"))
    for k, row in enumerate(rows):
        if not row:
            continue
        dots = "".join(f"M{x(v):.1f} {_middle(k):g}h0" for v in row)
        found.append(f'<path class="d" d="{dots}"/>')
        middle = x(statistics.median(row))
        found.append(f'<path class="c" d="M{middle:.1f} {_middle(k) - 6:g}v12"/>')
    return found


def _middle(row: int) -> float:
    return TOP + ROW * (row + 0.5)


def _text(text: str, x: float, y: float, classes: str = "") -> str:
    kind = f' class="{classes}"' if classes else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}>{html.escape(text)}</text>'
