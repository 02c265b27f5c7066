"""One panel as an SVG drawing: axes, curves, and the slope that is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from nodecheck.report import svg
from nodecheck.report.numbers import clean, shorten
from nodecheck.report.panels import Panel, describe
from nodecheck.report.points import Point, shown_points
from nodecheck.report.scales import Scale, linear_scale, log_scale
from nodecheck.report.slopes import Triangle, slope_triangle
from nodecheck.results import Series

# Lengths are in units of the drawing, which are CSS pixels where the page shows it in its own size.
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 12.0, 22.0, 34.0  # margins around the axes
_CHARACTER = 5.4  # width of a digit, at the size of the style sheet
_GAP = 4.0  # between an axis and its numbers
_TICK = 3.0  # length of a mark
_LINE = 10.0  # from an axis to the base line of the numbers below it
_HALF_DIGIT = 3.4  # from the base line of a number to its middle
_Y_LABEL = 2.0, 11.0  # position of the label of the y axis
_MOST_MARKERS = 40  # a curve of more points is drawn without markers
_DASHES = ("", " dash2", " dash3")  # for the second and third curve of a colour
# Widths w0 to w4: of curves on top of each other, those below are wider, so that all can be seen.
_WIDTHS = 5
_MOST_WIDENED = 16  # labels in a panel; of more, all curves are thin
_MOST_STEPS = 5  # numbers of steps along an axis
_ROOM_ABOVE = 0.12  # of a logarithmic y axis, free at either end


@dataclass(frozen=True)
class _Frame:
    """The two scales, and the rectangle that they are drawn in."""

    x: Scale
    y: Scale
    left: float
    right: float
    top: float
    bottom: float

    def at(self, x: float, y: float) -> Point:
        """Return the position of a point."""
        return (
            self.left + self.x.share(x) * (self.right - self.left),
            self.bottom - self.y.share(y) * (self.bottom - self.top),
        )


def draw(panel: Panel, *, width: float, height: float) -> Markup:
    """Return the panel as an inline SVG of this size."""
    points = [p for s in panel.series for p in shown_points(s, log=panel.log) if not math.isnan(p[0])]
    triangle = slope_triangle(panel.series, points) if panel.log else None
    frame = _frame(panel, points, triangle, width, height)
    names = panel.names or ("",) * len(panel.series)
    curves = [_curve(panel, s, frame, name) for s, name in zip(panel.series, names, strict=True)]
    slope = _slope(triangle, frame) if triangle else ()
    return svg.drawing(
        width,
        height,
        title=_title(panel),
        description=clean(describe(panel)),
        body=[*_axes(frame), *curves, *slope, *_labels(panel, frame, height)],
    )


def _title(panel: Panel) -> str:
    plot = shorten(panel.plot)
    title = panel.title if panel.title.startswith(plot) else f"{plot}: {panel.title}"
    return f"{title}, {shorten(panel.layer)}"


def _frame(
    panel: Panel, points: Sequence[Point], triangle: Triangle | None, width: float, height: float
) -> _Frame:
    """Return the frame that shows points and triangle; its left margin holds the longest number."""
    xs, ys = [x for x, _ in points], [y for _, y in points] + ([triangle.lowest] if triangle else [])
    x = _in_steps(panel, log_scale(xs, at_values=True)) if panel.log else linear_scale(xs)
    y = log_scale(ys, room=_ROOM_ABOVE) if panel.log else linear_scale(ys)
    longest = max(map(len, y.labels), default=0)
    left = max(_LEFT, _CHARACTER * longest + _GAP)
    return _Frame(x, y, left, width - _RIGHT, _TOP, height - _BOTTOM)


def _in_steps(panel: Panel, scale: Scale) -> Scale:
    """Return a scale of step sizes with numbers of steps along it, from few to many."""
    if not panel.in_steps:
        return scale
    sizes = sorted({x for s in panel.series for x, _ in shown_points(s, log=True)}, reverse=True)
    ticks = tuple(sizes[:: math.ceil(len(sizes) / _MOST_STEPS)])
    return replace(scale, ticks=ticks, labels=tuple(map(panel.x_text, ticks)), reverse=True)


def _axes(frame: _Frame) -> Iterator[Markup]:
    """Yield the grid, the x axis with its marks, and the numbers along both axes."""
    heights = [frame.at(frame.x.limits[0], tick)[1] for tick in frame.y.ticks]
    places = [frame.at(tick, frame.y.limits[0])[0] for tick in frame.x.ticks]
    yield svg.path([[(frame.left, y), (frame.right, y)] for y in heights], "grid")
    marks = [[(x, frame.bottom), (x, frame.bottom + _TICK)] for x in places]
    yield svg.path([[(frame.left, frame.bottom), (frame.right, frame.bottom)], *marks], "axis")
    for y, text in zip(heights, frame.y.labels, strict=True):
        yield svg.label(text, frame.left - _GAP, y + _HALF_DIGIT, "end")
    for x, text in zip(places, frame.x.labels, strict=True):
        yield svg.label(text, x, frame.bottom + _TICK + _LINE, "middle")


def _labels(panel: Panel, frame: _Frame, height: float) -> Iterator[Markup]:
    """Yield the labels of the axes: of y above, of x below."""
    x, y = panel.axes
    yield svg.label(x, (frame.left + frame.right) / 2, height - _GAP, "middle")
    yield svg.label(y, *_Y_LABEL)


def _curve(panel: Panel, series: Series, frame: _Frame, name: str) -> Markup:
    strokes: list[list[Point]] = [[]]
    for x, y in shown_points(series, log=panel.log):
        if math.isnan(x):
            strokes.append([])
        else:
            strokes[-1].append(frame.at(x, y))
    return svg.path([s for s in strokes if s], _classes(panel, series), name=shorten(name) if name else "")


def _classes(panel: Panel, series: Series) -> str:
    """Return the classes of the style sheet that give a curve its colour, width, dashes and markers."""
    if series.style == "field":
        return "field"
    if series.label in panel.marks:
        return f"{panel.marks[series.label]}{' points' if series.style == 'points' else ''}"
    rank = panel.rank(series.label)
    colour = f"c{rank % svg.COLOURS + 1}{_DASHES[rank // svg.COLOURS % len(_DASHES)]}"
    if series.style == "line":
        return f"{colour} line"
    many = len(panel.labels) > _MOST_WIDENED
    above = 0 if many else len(panel.labels) - 1 - panel.labels.index(series.label)
    width = f" w{min(above, _WIDTHS - 1)}{'' if panel.log else ' pale'}"
    return f"{colour}{width}{' points' if len(series.x) <= _MOST_MARKERS else ''}"


def _slope(triangle: Triangle, frame: _Frame) -> Iterator[Markup]:
    """Yield the triangle and, beside it, its slope."""
    corners = [frame.at(*corner) for corner in triangle.corners]
    (_, foot), (right, top) = corners[1:3]
    yield svg.path([corners], "slope")
    side = (right - _GAP, "end") if frame.x.reverse else (right + _GAP, "")
    yield svg.label(f"{triangle.slope:g}", side[0], (foot + top) / 2 + _HALF_DIGIT, side[1])
