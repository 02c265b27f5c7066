"""An audit as one HTML file: verdict, three pictures, the tensors, the settings."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nodecheck.report.audit_words import advice, cause_words, recommended, symbol, verdict
from nodecheck.report.html import environment
from nodecheck.report.panels import Figure, Panel
from nodecheck.report.plots import DrawnFigure, drawn_figure
from nodecheck.report.svg import marker_definitions
from nodecheck.results import Series
from nodecheck.results.audit import AuditRecord, Outcome
from nodecheck.results.percentages import percent

__all__ = ["audit_body", "render_audit"]

_CLASSES = {
    Outcome.WITHIN_TARGET: "passed",
    Outcome.TOLERANCE: "failed",
    Outcome.BUG: "failed",
    Outcome.NOT_AUDITED: "inconclusive",
    Outcome.INCONCLUSIVE: "inconclusive",
}


def render_audit(record: AuditRecord) -> str:
    """Return the page; equal records give equal pages."""
    return _render("audit.html.j2", record)


def audit_body(record: AuditRecord) -> str:
    """Return the contents of the page without its head, for a notebook."""
    return _render("audit_body.html.j2", record)


def _render(template: str, record: AuditRecord) -> str:
    return environment().get_template(template).render(
        record=record,
        verdict=verdict(record),
        symbol=symbol(record),
        outcome=_CLASSES[record.outcome],
        causes=cause_words(record),
        percent=percent,
        advice=advice(record),
        best=recommended(record),
        figures=list(_figures(record)),
        widest=max((abs(part.share) for part in record.parts), default=1.0) or 1.0,
        markers=marker_definitions(),
    )  # fmt: skip


def _figures(record: AuditRecord) -> list[DrawnFigure]:
    panels = tuple(panel for panel in (_work(record), _refinement(record)) if panel is not None)
    if not panels:
        return []
    note = "Error of the gradient, relative to its norm. The line is the target."
    return [drawn_figure(Figure("Error and cost", note, panels), "wide")]


def _work(record: AuditRecord) -> Panel | None:
    """Return the error against the evaluations, one curve for each kind of setting."""
    kinds = dict.fromkeys(setting.kind for setting in record.settings)
    curves = []
    for kind in kinds:
        points = sorted((s.evaluations, s.error) for s in record.settings if s.kind == kind)
        curves.append(_series("work", kind, points, "evaluations of the dynamics, both passes"))
    if not curves:
        return None
    calls = [setting.evaluations for setting in record.settings]
    curves.append(_target(record, "work", min(calls), max(calls)))
    return Panel("Error against cost", "Error against cost", record.name, tuple(curves))


def _refinement(record: AuditRecord) -> Panel | None:
    """Return the error against the level of refinement of the user's own solver."""
    if len(record.refinement) < 2:
        return None
    points = [(2.0**level, error) for level, error in record.refinement]
    curve = _series("refinement", "largest error of a tensor", points, "level of refinement (as 2^level)")
    target = _target(record, "refinement", points[0][0], points[-1][0])
    return Panel("Your solver, refined", "Your solver, refined", record.name, (curve, target))


def _series(plot: str, label: str, points: Sequence[tuple[float, float]], x_label: str) -> Series:
    shown = [(float(x), y) for x, y in points if math.isfinite(y) and y > 0]
    return Series(
        plot, label, tuple(x for x, _ in shown), tuple(y for _, y in shown), x_label, "error", log=True
    )


def _target(record: AuditRecord, plot: str, first: float, last: float) -> Series:
    ends = (float(first), float(max(last, first + 1)))
    return Series(plot, "target", ends, (record.target,) * 2, style="line", log=True)
