"""One panel as an SVG, by matplotlib without pyplot."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nodecheck.report import svg
from nodecheck.report.numbers import clean, shorten
from nodecheck.report.panels import Panel, describe, positive, with_gaps
from nodecheck.report.scales import Scale, linear_scale, log_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)))
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 12.0, 22.0, 34.0
_MARKED = 40  # a curve with more points is drawn without markers
_SIZE = 9.5  # of the numbers along the axes, as in the style sheet


@contextmanager
def settings() -> Iterator[None]:
    """Draw the same everywhere: nothing of the user's matplotlibrc, no date, text left as text."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.fonttype": "none", "text.parse_math": False, "font.size": _SIZE})
        yield


def draw(panel: Panel, key: str, *, width: float = 250.0, height: float = 200.0) -> Markup:
    """Return the panel as an inline SVG whose ids start with `key`; call it within `settings()`."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.hashsalt"] = key  # ids are hashes of content and salt: unique in the page
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    figure.patch.set_visible(False)
    axes = figure.add_axes((
        _LEFT / width, _BOTTOM / height, (width - _LEFT - _RIGHT) / width, (height - _TOP - _BOTTOM) / height,
    ))  # fmt: skip
    _frame(axes)
    _curves(axes, panel)
    if panel.log:
        _triangle(axes, panel)
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
    x_label, y_label = panel.axes
    labels = svg.label(x_label, (width + _LEFT - _RIGHT) / 2, height - 4, "middle")
    labels += svg.label(y_label, 2, 11, "start")
    title = f"{shorten(panel.plot)}: {panel.title}, {shorten(panel.layer)}"
    return svg.element(buffer.getvalue(), key, title=title, desc=clean(describe(panel)), labels=labels)


def _frame(axes: Axes) -> None:
    axes.patch.set_visible(False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set(color=svg.FAINT, linewidth=0.8)


def _apply(axes: Axes, which: str, scale: Scale) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    axis = getattr(axes, f"{which}axis")
    if scale.log:
        getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(*scale.limits)
    axis.set_minor_locator(NullLocator())
    axis.set_major_locator(FixedLocator(list(scale.ticks)))
    axis.set_major_formatter(FixedFormatter(list(scale.labels)))
    axis.set_tick_params(
        length=3 if which == "x" else 0, width=0.8, color=svg.FAINT, labelcolor=svg.INK, pad=3
    )
    if which == "y":
        axes.grid(visible=True, axis="y", color=svg.GRID, linewidth=0.8)
        axes.set_axisbelow(True)


def _curves(axes: Axes, panel: Panel) -> None:
    shown = [(s, list(positive(s) if panel.log else with_gaps(s))) for s in panel.series]
    xs = [x for _, points in shown for x, _ in points if not math.isnan(x)]
    ys = [y for _, points in shown for _, y in points if not math.isnan(y)]
    _apply(axes, "x", log_scale(xs, at_values=True) if panel.log else linear_scale(xs))
    _apply(axes, "y", log_scale(ys, room=0.12) if panel.log else linear_scale(ys))
    for series, points in shown:
        if any(not math.isnan(x) for x, _ in points):
            _curve(axes, panel, series.style, series.label, points)


def _curve(axes: Axes, panel: Panel, style: str, label: str, points: list[tuple[float, float]]) -> None:
    x, y = zip(*points, strict=True)
    if style == "field":
        axes.plot(x, y, color=svg.FAINT, linewidth=0.9, solid_capstyle="round")
        return
    k = panel.rank(label)
    colour, dash = svg.CURVES[k % len(svg.CURVES)], DASHES[k // len(svg.CURVES) % len(DASHES)]
    if style == "line":
        axes.plot(x, y, color=colour, linestyle=dash, linewidth=1.6)
        return
    marker = MARKERS[k % len(MARKERS)] if len(points) <= _MARKED else ""
    # Equal curves lie on top of each other: the markers below are larger, so that they still show.
    size = 5.0 + min(0.8 * (len(panel.labels) - 1 - k), 3.2)
    axes.plot(x, y, color=colour, linestyle=dash, linewidth=1.3 if panel.log else 0.7, marker=marker,
              markersize=size, markeredgecolor=svg.PAPER, markeredgewidth=0.8, clip_on=False)  # fmt: skip


def _triangle(axes: Axes, panel: Panel) -> None:
    """Draw the slope that is asked for, as a triangle below the curves."""
    slope = next((s.slope for s in panel.series if s.slope and math.isfinite(s.slope)), None)
    points = sorted(p for s in panel.series for p in positive(s))
    if slope is None or points[0][0] == points[-1][0]:
        return
    low, high = points[0][0], points[-1][0]
    a, b = (low * (high / low) ** part for part in (0.60, 0.85))
    bottom, top = axes.get_ylim()
    gap = (top / bottom) ** 0.06
    below = min((y / (x / b) ** slope for x, y in points if a * 0.99 <= x), default=points[-1][1]) / gap
    corner = below * (a / b) ** slope
    if corner < bottom:
        axes.set_ylim(corner / gap, top)
    axes.plot((a, b, b, a), (corner, corner, below, corner), color=svg.INK, linewidth=0.8, linestyle="-")
    axes.annotate(f"{slope:g}", (b, math.sqrt(corner * below)), xytext=(3, 0), textcoords="offset points",
                  va="center", color=svg.INK)  # fmt: skip
