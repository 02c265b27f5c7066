"""All layers of a run on common axes."""

from __future__ import annotations

from dataclasses import replace

from nodecheck.report.numbers import shorten
from nodecheck.report.panels import Figure, Panel
from nodecheck.report.points import positive
from nodecheck.report.words import layer_names
from nodecheck.results import Run, Series

COMPARED = ("Gradient error", "Gradient error against tolerance")
_MOST_COMPARED = 4  # panels; the problems shared by most layers


def comparison(run: Run) -> list[Figure]:
    """Return the gradient error of all layers on common axes, for the problems that most of them share."""
    found = []
    for plot in COMPARED:
        curves: dict[str, dict[str, Series]] = {}
        for result in run.results:
            worst = _worst([s for s in result.series if s.plot == plot], result.layer)
            if worst is not None:
                curves.setdefault(result.problem, {})[result.layer] = worst
        shared = sorted((p for p in curves if len(curves[p]) > 1), key=lambda p: -len(curves[p]))
        panels = [
            Panel(plot, shorten(p or plot, 48), "all layers", _one_slope(curves[p]), p, layer_names(run))
            for p in shared[:_MOST_COMPARED]
        ]
        if panels:
            note = "The largest error over all groups, one curve for each layer."
            found.append(Figure(f"{plot} of all layers", note, tuple(panels)))
    return found


def _one_slope(curves: dict[str, Series]) -> tuple[Series, ...]:
    """Return the curves; they ask for a reference slope only if it is the same for all."""
    same = len({s.slope for s in curves.values()}) == 1
    return tuple(s if same else replace(s, slope=None) for s in curves.values())


def _worst(series: list[Series], layer: str) -> Series | None:
    """Return, at each x, the largest error over the groups."""
    largest: dict[float, float] = {}
    for s in series:
        for x, y in positive(s):
            largest[x] = max(y, largest.get(x, 0.0))
    if not largest:
        return None
    xs = tuple(sorted(largest, reverse=True))
    return replace(series[0], label=layer, x=xs, y=tuple(largest[x] for x in xs), style="points")
