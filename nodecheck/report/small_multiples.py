"""The gradient error of each layer in a small drawing of its own, all on the same axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from nodecheck.report import svg
from nodecheck.report.curve_tables import Table
from nodecheck.report.gradient_accuracy import (
    AGAINST,
    STEPS,
    against_steps,
    duration_of,
    shared_problem,
    worst_curve,
)
from nodecheck.report.limits import NAME
from nodecheck.report.numbers import number, shorten
from nodecheck.report.points import Point
from nodecheck.report.scales import Scale, log_scale
from nodecheck.report.words import WRONG_WORDS, layer_names, verdict
from nodecheck.results import Run, Series

_WIDTH, _HEIGHT = 150.0, 104.0  # CSS pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 26.0, 8.0, 8.0, 16.0  # margins
_GAP, _HALF_DIGIT, _LINE = 3.0, 3.0, 11.0
_TITLES = {
    "Gradient error": "Gradient error against steps",
    "Gradient error against tolerance": "Gradient error against tolerance",
}


@dataclass(frozen=True)
class Small:
    """One layer: its name, its drawing, and the class of the style sheet for its verdict."""

    name: str
    label: str
    svg: Markup


@dataclass(frozen=True)
class Multiples:
    """The small drawings of the layers that are measured against the same thing, with their numbers."""

    name: str
    note: str
    drawings: tuple[Small, ...]
    table: Table


def small_multiples(run: Run) -> list[Multiples]:
    """Return the drawings of layers with fixed steps, and those of adaptive ones; none for a single layer."""
    problem = shared_problem(run)
    found = {plot: _curves(run, plot, problem) for plot in AGAINST}
    if sum(map(len, found.values())) < 2:
        return []
    return [_multiples(run, plot, problem, curves) for plot, curves in found.items() if curves]


def _curves(run: Run, plot: str, problem: str) -> dict[str, Series]:
    """Return the largest error of each layer, against steps where all their numbers are known."""
    measured = {
        r.layer: r for r in run.results if r.problem == problem and any(s.plot == plot for s in r.series)
    }
    named = {name: measured[name] for name in layer_names(run) if name in measured}
    curves = {name: worst_curve(s for s in r.series if s.plot == plot) for name, r in named.items()}
    known = {name: curve for name, curve in curves.items() if curve is not None}
    # A problem has one duration, so what one layer tells of it holds for all.
    found = (duration_of(r) for r in named.values())
    duration = next((d for d in found if not math.isnan(d)), math.nan)
    in_steps = {name: against_steps(duration, curve) for name, curve in known.items()}
    steps = {name: curve for name, curve in in_steps.items() if curve is not None}
    return steps if len(steps) == len(known) else known


def _multiples(run: Run, plot: str, problem: str, curves: dict[str, Series]) -> Multiples:
    # Tolerances and step sizes fall where a layer is refined.
    falling = next(iter(curves.values())).x_label != STEPS
    xs = sorted({x for c in curves.values() for x in c.x}, reverse=falling)
    x_scale = replace(log_scale(xs), reverse=falling)
    axes = _Axes(x_scale, log_scale([y for c in curves.values() for y in c.y]), (xs[0], xs[-1]))
    drawings = tuple(
        Small(name, shorten(name, NAME), _drawing(run, name, curve, axes)) for name, curve in curves.items()
    )
    on = f", on the problem {shorten(problem)}" if problem else ""
    note = (
        f"The largest relative error over all groups{on}, with all layers on one scale. "
        f"Grey: the slope that is asked for."
    )
    return Multiples(_TITLES[plot], note, drawings, _table(xs, curves))


def _table(xs: Sequence[float], curves: dict[str, Series]) -> Table:
    x_label = next(iter(curves.values())).x_label
    head = ("layer", *(f"{number(x)} steps" if x_label == STEPS else f"{x_label} {number(x)}" for x in xs))
    rows = []
    for name, curve in curves.items():
        at = dict(zip(curve.x, curve.y, strict=True))
        rows.append((shorten(name, NAME), *(number(at[x]) if x in at else "–" for x in xs)))
    return Table("Largest relative error over all groups", head, tuple(rows))


@dataclass(frozen=True)
class _Axes:
    """The scales that all drawings have in common, and the ends of the x axis from left to right."""

    x: Scale
    y: Scale
    ends: tuple[float, float]

    def at(self, x: float, y: float) -> Point:
        """Return the position of a point."""
        return (
            _LEFT + self.x.share(x) * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - self.y.share(y) * (_HEIGHT - _TOP - _BOTTOM),
        )


def _drawing(run: Run, name: str, curve: Series, axes: _Axes) -> Markup:
    points = [*zip(curve.x, curve.y, strict=True)]
    wrong = verdict(run, name).word in WRONG_WORDS
    body = [*_grid(axes), *_claimed(axes, curve, points)]
    body.append(svg.path([[axes.at(*p) for p in points]], f"measured{' bad' if wrong else ''}"))
    first, last = points[0], points[-1]
    words = f"relative error from {number(first[1])} to {number(last[1])}."
    return svg.drawing(
        _WIDTH, _HEIGHT, title=f"Gradient error, {shorten(name)}", description=words, body=body
    )


def _grid(axes: _Axes) -> Iterable[Markup]:
    """Yield lines at powers of ten, and the ends of the x axis."""
    heights = [axes.at(axes.ends[0], tick)[1] for tick in axes.y.ticks]
    yield svg.path([[(_LEFT, h), (_WIDTH - _RIGHT, h)] for h in heights], "grid")
    for height, text in zip(heights, axes.y.labels, strict=True):
        yield svg.label(text, _LEFT - _GAP, height + _HALF_DIGIT, "end")
    for value, side in zip(axes.ends, ("", "end"), strict=True):
        text = f"{value:.0f}" if value >= 1 else _ten(value)
        yield svg.label(text, axes.at(value, axes.y.limits[0])[0], _HEIGHT - _BOTTOM + _LINE, side)


def _ten(value: float) -> str:
    return f"{value:.0e}".replace("e-0", "e-")


def _claimed(axes: _Axes, curve: Series, points: Sequence[Point]) -> Iterable[Markup]:
    """Yield the line of the claimed slope through the first point, as far as the axes reach."""
    if not curve.slope or not math.isfinite(curve.slope):
        return
    sign = -1.0 if curve.x_label == STEPS else 1.0
    (x0, y0), (x1, _) = points[0], points[-1]
    exponent = sign * curve.slope * math.log(x1 / x0)
    end = y0 * math.exp(max(min(exponent, 200.0), -200.0))
    lowest = axes.y.limits[0]
    if end < lowest:  # cut where the line leaves the drawing
        share = math.log(lowest / y0) / exponent
        x1, end = x0 * (x1 / x0) ** share, lowest
    yield svg.path([[axes.at(x0, y0), axes.at(x1, end)]], "claimed")
