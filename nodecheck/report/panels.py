"""The curves of a run in figures and panels: a panel is a pair of axes, a figure some panels side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from nodecheck.report.gradient_accuracy import WORK_PRECISION, known_durations
from nodecheck.report.limits import LABEL, PANEL_TITLE
from nodecheck.report.numbers import number, shorten
from nodecheck.report.points import positive
from nodecheck.report.slopes import slope_text
from nodecheck.results import Result, Series

# The explanations of the figures, in the order of the page; figures of other names follow.
NOTES = {
    "Forward error": "Relative error of the final state against the number of steps, on log-log axes: "
    "a method of order p falls along a line of slope p.",
    "Gradient error": "Relative error of the gradient against the exact gradient, for each group of inputs. "
    "A curve that flattens is a gradient that does not converge.",
    "Error against tolerance": "Error of the final state against the tolerance asked for.",
    "Gradient error against tolerance": "Error of the gradient against the tolerance asked for.",
    "Phase portrait": "The direction field, the exact trajectories as lines, the layer's as points.",
    "Energy": "Change of the energy of a pendulum over some fifty turns: a symplectic method keeps it to an "
    "error that does not grow.",
    "State": "The backward pass as it runs from t1 to t0: state, adjoint and parameter gradient.",
    "States at outputs": "The states at output times, and the adjoint from t1 back to t0: it jumps by the "
    "cotangent of each output.",
}
BACKWARD = ("State", "Adjoint", "Parameter gradient")
AT_OUTPUTS = ("States at outputs", "Adjoint at outputs")
_OF_FAULTS = ("marks", "cells")  # styles that only the card of a fault draws
# Plots that are drawn side by side, and the name of their figure, by the first of them.
_SIDE_BY_SIDE = {"State": ("Backward pass", BACKWARD), "States at outputs": ("Output times", AT_OUTPUTS)}


@dataclass(frozen=True)
class Panel:
    """A pair of axes and its curves."""

    plot: str
    title: str
    layer: str
    series: tuple[Series, ...]
    problem: str = ""
    palette: tuple[str, ...] = ()  # labels in the order of the colours, where several panels share them
    head: tuple[str, ...] = ()  # a table of its own, in place of the numbers that are drawn
    rows: tuple[tuple[str, ...], ...] = ()
    marks: Mapping[str, str] = field(
        default_factory=dict
    )  # classes of curves that have no colour of the order
    names: tuple[str, ...] = ()  # of the curves, for a reader who points at one
    duration: float = math.nan  # steps times their size, where x is a step size and steps are to be shown

    @property
    def log(self) -> bool:
        """True if both axes are logarithmic: some curve asks for it, and some point is positive."""
        return any(s.log for s in self.series) and any(any(positive(s)) for s in self.series)

    @property
    def labels(self) -> tuple[str, ...]:
        """The distinct labels of the curves; curves with the same label have the same colour."""
        return tuple(dict.fromkeys(s.label for s in self.series if s.style != "field"))

    def rank(self, label: str) -> int:
        """Return the place of a label among the colours."""
        return (self.palette or self.labels).index(label)

    @property
    def axes(self) -> tuple[str, str]:
        """The labels of the x axis and of the y axis."""
        x = next((s.x_label for s in self.series if s.x_label), "")
        y = next((s.y_label for s in self.series if s.y_label), "")
        return "steps" if self.in_steps else shorten(x, LABEL), shorten(y, LABEL)

    @property
    def in_steps(self) -> bool:
        """True if numbers of steps stand along the x axis, in place of their sizes."""
        return self.duration > 0

    def x_text(self, x: float) -> str:
        """Return a value on the x axis as a text."""
        return f"{self.duration / x:.0f}" if self.in_steps and x > 0 else number(x)


@dataclass(frozen=True)
class Figure:
    """The panels that belong together; `open` is True if the page shows the numbers without a click."""

    name: str
    note: str
    panels: tuple[Panel, ...]
    open: bool = False


def figures(results: Iterable[Result]) -> list[Figure]:
    """Return the figures of one layer."""
    by_plot: dict[str, list[Panel]] = {}
    results = tuple(results)
    durations = known_durations(results)
    for result in results:
        for plot in dict.fromkeys(s.plot for s in result.series if _is_drawn(s)):
            by_plot.setdefault(plot, []).append(_panel(result, plot, durations))
    found = []
    grouped = (*BACKWARD, *AT_OUTPUTS)
    for plot in [*NOTES, *(p for p in by_plot if p not in NOTES and p not in grouped)]:
        if plot in _SIDE_BY_SIDE:
            found.extend(_side_by_side(by_plot, plot))
        elif plot in by_plot:
            found.append(Figure(shorten(plot), NOTES.get(plot, ""), tuple(by_plot[plot])))
    return found


def _is_drawn(series: Series) -> bool:
    """Return True for a curve of a plot of its own: not for those of all layers, or of a fault's card."""
    return series.plot != WORK_PRECISION and series.style not in _OF_FAULTS


def _panel(result: Result, plot: str, durations: Mapping[tuple[float, ...], float]) -> Panel:
    """Return the curves of a result in one plot; the problem is the title, and no part of the labels."""
    ending = f", {result.problem}"
    curves = [replace(s, label=s.label.removesuffix(ending)) for s in result.series if s.plot == plot]
    title = shorten(result.problem or result.check, PANEL_TITLE)
    duration = next((durations[s.x] for s in curves if s.x in durations), math.nan)
    return Panel(plot, title, result.layer, tuple(curves), result.problem, duration=duration)


def _side_by_side(by_plot: dict[str, list[Panel]], first: str) -> list[Figure]:
    """Return the plots of a figure side by side, problem by problem."""
    name, plots = _SIDE_BY_SIDE[first]
    panels = [p for plot in plots for p in by_plot.get(plot, ())]
    problems = list(dict.fromkeys(p.problem for p in panels))
    panels.sort(
        key=lambda p: problems.index(p.problem)
    )  # stable: the order of the plots stays within a problem
    named = tuple(
        Panel(p.plot, p.plot if len(problems) == 1 else f"{p.plot}, {p.title}", p.layer, p.series, p.problem)
        for p in panels
    )
    return [Figure(name, NOTES[first], named)] if named else []


def describe(panel: Panel) -> str:
    """Return a description of the panel for readers who do not see it."""
    x, y = panel.axes
    parts = [f"{y or 'value'} against {x or 'x'}"]
    for s in panel.series:
        finite = [v for v in s.y if math.isfinite(v)]
        if s.style != "field" and finite:
            label, slope = shorten(s.label, LABEL) or "curve", slope_text(s)
            span = f"{label} from {number(finite[0])} to {number(finite[-1])}"
            parts.append(f"{span}, {slope}" if slope else span)
    return "; ".join(parts) + "."
