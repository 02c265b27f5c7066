"""The gradient errors of all layers of a run on common axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nodecheck.report.limits import PANEL_TITLE
from nodecheck.report.numbers import shorten
from nodecheck.report.panels import Figure, Panel
from nodecheck.report.points import positive
from nodecheck.report.words import layer_names
from nodecheck.results import Run, Series

COMPARED = ("Gradient error", "Gradient error against tolerance")
_MOST_PANELS = 4  # of a figure: the problems that most layers share


def comparison_figures(run: Run) -> list[Figure]:
    """Return the gradient error of all layers on common axes, for the problems that most of them share."""
    found = []
    for plot in COMPARED:
        curves: dict[str, dict[str, Series]] = {}
        for result in run.results:
            worst = largest([s for s in result.series if s.plot == plot], result.layer)
            if worst is not None:
                curves.setdefault(result.problem, {})[result.layer] = worst
        shared = sorted((p for p in curves if len(curves[p]) > 1), key=lambda p: -len(curves[p]))
        panels = [_panel(run, plot, p, _one_slope(curves[p])) for p in shared[:_MOST_PANELS]]
        if panels:
            note = "The largest error over all groups, one curve for each layer."
            found.append(Figure(f"{plot} of all layers", note, tuple(panels)))
    return found


def _panel(run: Run, plot: str, problem: str, series: tuple[Series, ...]) -> Panel:
    title = shorten(problem or plot, PANEL_TITLE)
    return Panel(plot, title, "all layers", series, problem, palette=layer_names(run))


def _one_slope(curves: dict[str, Series]) -> tuple[Series, ...]:
    """Return the curves, with a reference slope only if it is the same for all."""
    same = len({s.slope for s in curves.values()}) == 1
    return tuple(s if same else replace(s, slope=None) for s in curves.values())


def largest(series: Sequence[Series], label: str) -> Series | None:
    """Return the largest error over the groups at each x, under a label; None where there is none."""
    errors: dict[float, float] = {}
    for s in series:
        for x, y in positive(s):
            errors[x] = max(y, errors.get(x, 0.0))
    if not errors:
        return None
    xs = tuple(sorted(errors, reverse=True))
    return replace(series[0], label=label, x=xs, y=tuple(errors[x] for x in xs), style="points")
