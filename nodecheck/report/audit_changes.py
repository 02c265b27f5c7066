"""The differences between two audits: before and after a change of solver, tolerance or model."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nodecheck.numerics.audit_constants import WORSE_ERROR
from nodecheck.report.numbers import clean, shorten
from nodecheck.results.audit import AuditRecord
from nodecheck.results.percentages import percent

__all__ = ["audit_headline", "audit_is_worse", "change_rows", "print_audit_changes"]


def audit_is_worse(before: AuditRecord, after: AuditRecord) -> bool:
    """Return True if the gradient is newly wrong or too inexact, or its error has more than doubled."""
    if after.exit_code > before.exit_code:
        return True
    if math.isnan(before.error):
        return False
    return not after.error <= max(WORSE_ERROR * before.error, before.uncertainty + after.uncertainty)


def audit_headline(before: AuditRecord, after: AuditRecord) -> str:
    """Return the outcome with the error of both."""
    mark = "✗" if audit_is_worse(before, after) else "✓"
    return f"{mark} {clean(after.name)}: error {percent(before.error)} → {percent(after.error)}"


def print_audit_changes(before: AuditRecord, after: AuditRecord, console: Console) -> None:
    """Print verdicts, causes and tensors of both, side by side."""
    worse = audit_is_worse(before, after)
    console.print(Text(audit_headline(before, after), "bold red" if worse else "green"))
    console.print(Text(f"  {before.outcome.value} → {after.outcome.value}"))
    table = Table(box=None, pad_edge=False, show_edge=False)
    for k, head in enumerate(("", "before", "after")):
        table.add_column(head, justify="right" if k else "left", header_style="dim")
    for name, old, new in change_rows(before, after):
        table.add_row(shorten(name), old, new)
    console.print(table, highlight=False)


def change_rows(before: AuditRecord, after: AuditRecord) -> list[tuple[str, str, str]]:
    """Return causes and tensors, each with the number before and the number after."""

    def of(record: AuditRecord) -> dict[str, str]:
        found = {"cosine": f"{record.cosine:.4f}"}
        if record.settings:
            found["evaluations"] = str(record.settings[0].evaluations)
        found |= {part.cause: percent(part.size) for part in record.parts}
        return found | {row.name: percent(row.error) for row in record.tensors}

    old, new = of(before), of(after)
    return [(name, old.get(name, "–"), new.get(name, "–")) for name in dict.fromkeys((*old, *new))]
