"""The comparison of two runs, or of two audits, as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nodecheck.report.audit_changes import audit_headline, audit_is_worse, change_rows
from nodecheck.report.changes_text import SYMBOLS, heading, still_failing, together, verdict
from nodecheck.report.differences import Change, Changes
from nodecheck.report.gradient_accuracy import worst_curve
from nodecheck.report.html import environment
from nodecheck.report.limits import PANEL_TITLE
from nodecheck.report.numbers import shorten
from nodecheck.report.panels import Figure, Panel
from nodecheck.report.plots import DrawnFigure, drawn_figure
from nodecheck.report.svg import marker_definitions
from nodecheck.results import Result, Run
from nodecheck.results.audit import AuditRecord

__all__ = ["render_audit_changes", "render_changes"]

_CLASSES = {
    Change.BROKEN: "failed",
    Change.UNTRIED: "failed",
    Change.FIXED: "passed",
    Change.WORSE: "failed",
    Change.LOST: "inconclusive",
    Change.EXPECTED: "xfailed",
    Change.BETTER: "passed",
    Change.STILL: "failed",
}
_DRAWN = (Change.BROKEN, Change.FIXED, Change.WORSE, Change.BETTER)
_MOST_PANELS = 12
_PALETTE = ("before", "after")
_NOTE = "The largest error over all groups of inputs, before and after."


def render_changes(changes: Changes, before: Run, after: Run) -> str:
    """Return the page; equal runs give equal pages."""
    outcome, _, rest = verdict(changes).partition(": ")
    counts, _, compared = rest.partition(". ")
    figures = list(_figures(changes, before, after))
    return environment().get_template("changes.html.j2").render(
        changes=changes,
        outcome=outcome,
        counts=counts,
        compared=compared,
        kinds=[
            (kind.name.lower(), SYMBOLS[kind], _CLASSES[kind], heading(kind, changes), together(found))
            for kind in Change
            if kind is not Change.STILL and (found := changes.of(kind))
        ],
        still=list(still_failing(changes)),
        runs=(("Before", before), ("After", after)),
        figures=figures,
        markers=marker_definitions(),
    )  # fmt: skip


def _figures(changes: Changes, before: Run, after: Run) -> Iterator[DrawnFigure]:
    """Yield a figure for each plot, with the curves of both runs where they changed."""
    old, new = ({r.id: r for r in run.results} for run in (before, after))
    ids = dict.fromkeys(
        f"{d.layer}:{d.check}:{d.problem}" for kind in _DRAWN for d in changes.of(kind) if d.check
    )
    panels = [panel for id_ in ids if id_ in old and id_ in new for panel in _panels(old[id_], new[id_])]
    for plot in dict.fromkeys(panel.plot for panel in panels[:_MOST_PANELS]):
        shown = tuple(panel for panel in panels[:_MOST_PANELS] if panel.plot == plot)
        yield drawn_figure(Figure(plot, _NOTE, shown), "small")


def _panels(before: Result, after: Result) -> Iterator[Panel]:
    """Yield a pair of axes for each plot of errors that two results have, and that is not the same."""
    for plot in dict.fromkeys(s.plot for s in after.series if s.log):
        old, new = (worst_curve(s for s in r.series if s.plot == plot and s.log) for r in (before, after))
        if old is not None and new is not None and (old.x, old.y) != (new.x, new.y):
            curves = tuple(replace(s, label=name) for s, name in zip((old, new), _PALETTE, strict=True))
            title = shorten(f"{after.layer}, {after.problem or after.check}", PANEL_TITLE)
            yield Panel(plot, title, after.layer, curves, after.problem, palette=_PALETTE)


def render_audit_changes(before: AuditRecord, after: AuditRecord) -> str:
    """Return the page of two audits; equal records give equal pages."""
    return environment().get_template("audit_changes.html.j2").render(
        headline=audit_headline(before, after),
        outcome="failed" if audit_is_worse(before, after) else "passed",
        rows=change_rows(before, after),
        audits=(("Before", before), ("After", after)),
    )  # fmt: skip
