"""An audit in a terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from nodecheck.report.audit_words import advice, cause_words, headline, symbol
from nodecheck.report.numbers import clean, duration, shorten
from nodecheck.results.audit import AuditRecord, Outcome
from nodecheck.results.percentages import percent

__all__ = ["audit_text", "print_audit"]

_MOST_TENSORS = 8
_STYLES = {
    Outcome.WITHIN_TARGET: "green",
    Outcome.TOLERANCE: "bold red",
    Outcome.BUG: "bold red",
    Outcome.NOT_AUDITED: "yellow",
    Outcome.INCONCLUSIVE: "yellow",
}


def print_audit(record: AuditRecord, console: Console) -> None:
    """Print the verdict, the causes, the tensors, and what to do."""
    console.print(_body(record), highlight=False)


def audit_text(record: AuditRecord) -> str:
    """Return the same as plain text."""
    console = Console(width=110, no_color=True, force_terminal=False)
    with console.capture() as captured:
        print_audit(record, console)
    return captured.get().rstrip()


def _body(record: AuditRecord) -> Group:
    parts: list[RenderableType] = [
        Text(f"{symbol(record)} {clean(headline(record))}", _STYLES[record.outcome])
    ]
    for finding in record.findings:
        parts.append(Text(f"  {finding.kind}: {clean(finding.text)}. {finding.advice}"))
    if record.parts:
        parts += [Text(), _causes(record)]
    if record.tensors:
        parts += [Text(), _tensors(record)]
    if text := advice(record):
        parts += [Text(), Text(text)]
    parts += [Text(), Text(_basis(record), style="dim")]
    return Group(*parts)


def _causes(record: AuditRecord) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for head, justify in (("cause", "left"), ("size", "right"), ("share", "right"), ("", "left")):
        table.add_column(head, justify=justify, header_style="dim")  # type: ignore[arg-type]
    words = cause_words(record)
    for part in record.parts:
        table.add_row(
            part.cause, percent(part.size), f"{100 * part.share:+.0f} %", Text(words[part.cause], "dim")
        )
    return table


def _tensors(record: AuditRecord) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    heads = ("tensor", "norm", "error", "cosine", "largest cause", "unexplained")
    for k, head in enumerate(heads):
        table.add_column(head, justify="left" if k in (0, 4) else "right", header_style="dim")
    for row in record.tensors[:_MOST_TENSORS]:
        largest = max(row.parts, key=lambda cause: row.parts[cause], default="")
        rest = row.parts.get("unexplained")
        table.add_row(
            shorten(row.name),
            f"{row.norm:.2g}",
            "no gradient" if row.missing else percent(row.error),
            f"{row.cosine:.4f}",
            largest,
            "not known" if rest is None else percent(rest),
        )
    if len(record.tensors) > _MOST_TENSORS:
        table.add_row(f"and {len(record.tensors) - _MOST_TENSORS} more")
    return table


def _basis(record: AuditRecord) -> str:
    """Return the facts behind the verdict: the exact gradient, the solver, the time it took."""
    facts = {**record.reference, **record.facts, "took": duration(record.seconds)}
    return "; ".join(f"{name}: {value}" for name, value in facts.items())
