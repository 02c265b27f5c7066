"""Elements of an SVG drawing as text: paths, labels, markers, and the drawing itself.

Colours, widths and fonts are classes of the page's style sheet (parts.css): the same drawing can be read on
light and on dark paper, and its text can be selected.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from nodecheck.report.points import Point

COLOURS = 8  # of curves: --c1 to --c8 of the style sheet
# One marker for each colour: its outline about (0, 0).
MARKERS = (
    "M-2.8 0a2.8 2.8 0 1 0 5.6 0 2.8 2.8 0 1 0-5.6 0z",  # circle
    "M-2.5-2.5h5v5h-5z",  # square
    "M0-3 3 2.6H-3z",  # triangle, point up
    "M0-3.4 3.4 0 0 3.4-3.4 0z",  # diamond
    "M0 3 3-2.6H-3z",  # triangle, point down
    "M-1-3h2v2h2v2h-2v2h-2v-2h-2v-2h2z",  # plus
    "M0-1.4 1.4-2.8 2.8-1.4 1.4 0 2.8 1.4 1.4 2.8 0 1.4-1.4 2.8-2.8 1.4-1.4 0-2.8-1.4-1.4-2.8z",  # cross
    "M0-3.4.9-1.2 3.2-1 1.5.5 2 2.8 0 1.6-2 2.8-1.5.5-3.2-1-.9-1.2z",  # star
)


def marker_definitions() -> Markup:
    """Return the markers that the style sheet refers to by m1 to m8, and mb of what is wrong.

    Once in a page is enough.  A marker grows with the width of its curve.
    """
    attributes = 'markerWidth="7.5" markerHeight="7.5" viewBox="-4.5 -4.5 9 9"'
    named = [*((str(k), outline) for k, outline in enumerate(MARKERS, start=1)), ("b", MARKERS[0])]
    return Markup(
        "".join(
            f'<marker id="m{k}" class="m{k}" {attributes}><path d="{outline}"/></marker>'
            for k, outline in named
        )
    )


def drawing(width: float, height: float, *, title: str, description: str, body: Iterable[Markup]) -> Markup:
    """Return an inline SVG; title and description are for readers who do not see it."""
    words = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
    return Markup(f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img">{words}{"".join(body)}</svg>')


def path(strokes: Iterable[Sequence[Point]], classes: str, *, name: str = "") -> Markup:
    """Return one path of several strokes, each a sequence of positions; empty where there is none.

    A reader who points at the path is shown its name.
    """
    data = "".join(map(_stroke, strokes))
    if data and name:
        return Markup(f'<path class="{classes}" d="{data}"><title>{escape(name)}</title></path>')
    return Markup(f'<path class="{classes}" d="{data}"/>' if data else "")


def _stroke(points: Sequence[Point]) -> str:
    """Return a stroke in tenths of a unit: its first position, and the step to each of the others."""
    tenths = [(round(10 * x), round(10 * y)) for x, y in points]
    if len(tenths) == 1:  # a marker stands where a line starts, however short the line
        tenths = tenths * 2
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(tenths)]
    first, *rest = [f"{_tenth(x)}{_tenth(y, after=True)}" for x, y in (tenths[0], *steps)]
    return f"M{first}l{rest[0]}" + "".join(text if text[0] == "-" else f" {text}" for text in rest[1:])


def _tenth(value: int, *, after: bool = False) -> str:
    """Return a number of tenths as a decimal; `after` another number, with a blank where one is needed."""
    sign, whole, rest = "-" * (value < 0), *divmod(abs(value), 10)
    text = f"{sign}{whole or '' if rest else whole}{f'.{rest}' if rest else ''}"
    return f" {text}" if after and value >= 0 else text


def label(text: str, x: float, y: float, anchor: str = "") -> Markup:
    """Return a text; `anchor` is "middle" or "end", the part that stands at the position, or the start."""
    chosen = f' class="{anchor}"' if anchor else ""
    return Markup(f'<text{chosen} x="{x:.0f}" y="{y:.0f}">{escape(text)}</text>')
