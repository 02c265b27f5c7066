"""The log of a gradient monitor as one HTML file: error and cosine against the iteration."""

from __future__ import annotations

from collections.abc import Sequence

from nodecheck.report.html import environment
from nodecheck.report.panels import Figure, Panel
from nodecheck.report.plots import DrawnFigure, drawn_figure
from nodecheck.report.svg import marker_definitions
from nodecheck.results import Series
from nodecheck.results.monitor import MonitorLog
from nodecheck.results.percentages import percent

__all__ = ["monitor_headline", "render_monitor"]


def render_monitor(log: MonitorLog) -> str:
    """Return the page; equal logs give equal pages."""
    return environment().get_template("monitor.html.j2").render(
        log=log,
        headline=monitor_headline(log),
        share=log.spent / log.trained if log.trained else 0.0,
        percent=percent,
        figure=_figure(log),
        markers=marker_definitions(),
    )  # fmt: skip


def monitor_headline(log: MonitorLog) -> str:
    """Return the verdict in one sentence."""
    return log.verdict


def _figure(log: MonitorLog) -> DrawnFigure | None:
    if not log.readings:
        return None
    at = [float(r.iteration) for r in log.readings]
    alarms = [r for r in log.readings if r.alarm]
    errors = [
        _series("error", "reading", at, [r.error for r in log.readings], "error of the gradient"),
        _series("error", "alarm", [float(r.iteration) for r in alarms], [r.error for r in alarms], ""),
        _series("error", "budget", [at[0], at[-1]], [log.budget, log.budget], "", style="line"),
    ]
    cosines = [_series("cosine", "reading", at, [r.cosine for r in log.readings], "cosine")]
    panels = (_panel("Error", errors), _panel("Cosine", cosines))
    note = (
        "The error is the distance to the exact gradient of the same step, over the norm of that, or over "
        "its usual norm where that is larger (the root of its mean square over the readings, in which the "
        "newest weigh most). The budget is for this error: small gradients near a minimum are no alarm."
    )
    return drawn_figure(Figure("Gradient against iteration", note, panels), "wide")


def _panel(title: str, curves: Sequence[Series]) -> Panel:
    return Panel(title, title, "training", tuple(s for s in curves if s.x))


def _series(
    plot: str, label: str, x: Sequence[float], y: Sequence[float], y_label: str, *, style: str = "points"
) -> Series:
    return Series(plot, label, tuple(x), tuple(y), "iteration", y_label, style=style)
