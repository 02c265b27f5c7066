"""The words of an audit: its verdict, the causes, and the setting that it recommends."""

from __future__ import annotations

import math
import sys

from nodecheck.numerics.audit_constants import MARGIN
from nodecheck.results.audit import AuditRecord, Outcome, Setting
from nodecheck.results.percentages import percent

__all__ = ["advice", "cause_of", "cause_words", "headline", "recommended", "symbol", "verdict"]

EVALUATIONS = "evaluations, forward and backward"
CAUSES = {
    "arithmetic": "rounding, and other steps because of it",
    "loss": "error of the states, seen through the loss",
    "reconstruction": "error of the state that the backward pass reconstructs",
    "discretisation": "error of the steps of the gradient",
    "unexplained": "what is left at the finest setting tried",
}
FIRST_STEP = (
    "Does the field jump at a time? Backprop through torchdiffeq also differentiates the choice of its "
    "first step, and a finer tolerance hardly helps: give options={'first_step': 0.01} or {'jump_t': times}, "
    "or use odeint_adjoint. If it does not jump, look for .detach() between the steps."
)
_MOST_NAMED = 3  # tensors in a sentence
SYMBOLS = {
    Outcome.WITHIN_TARGET: "✓",
    Outcome.TOLERANCE: "✗",
    Outcome.BUG: "✗",
    Outcome.NOT_AUDITED: "·",
    Outcome.INCONCLUSIVE: "·",
}


def symbol(record: AuditRecord) -> str:
    """Return the mark of the conclusion."""
    return SYMBOLS[record.outcome]


def headline(record: AuditRecord) -> str:
    """Return the verdict in a sentence or two."""
    return ". ".join(filter(None, verdict(record)))


def verdict(record: AuditRecord) -> tuple[str, str]:
    """Return the verdict, and its cause, or which tensors are beyond the target, or ""."""
    name = record.name
    if record.outcome is Outcome.NOT_AUDITED:
        return f"{name} was not audited", record.reason
    if record.outcome is Outcome.INCONCLUSIVE:
        return f"{name}: no verdict", record.reason
    if math.isnan(record.error):
        return f"{name}: the gradient is wrong", record.reason
    size = f"{name}: the gradient is {percent(record.error)} from the exact one (cosine {record.cosine:.4f})"
    if record.outcome is Outcome.BUG:
        return f"{size}, and this is a bug", record.reason
    if record.outcome is Outcome.TOLERANCE:
        cause = cause_of(record)
        return f"{size}, more than the target of {percent(record.target)}", f"Cause: settings, mostly {cause}"
    return f"{size}, within the target of {percent(record.target)}", _tensors_above(record)


def _tensors_above(record: AuditRecord) -> str:
    """Return which tensors alone are beyond the target that the whole gradient is within; "" if none."""
    above = [row for row in record.tensors if row.error > record.target]
    if not above:
        return ""
    first, *others = above[:_MOST_NAMED]
    named = [f"{first.name} alone is off by {percent(first.error)}"]
    named += [f"{row.name} by {percent(row.error)}" for row in others]
    if len(above) > _MOST_NAMED:
        named.append(f"and {len(above) - _MOST_NAMED} more")
    return f"The target is for the whole gradient: {', '.join(named)}"


def cause_of(record: AuditRecord) -> str:
    """Return the largest cause of the error in words."""
    parts = [part for part in record.parts if part.cause != "unexplained"]
    return CAUSES[max(parts, key=lambda part: part.share).cause] if parts else "unknown"


def cause_words(record: AuditRecord) -> dict[str, str]:
    """Return the meaning of each cause in words.

    Only of a bug it is known that finer settings do not remove what is left: the last of them left the error
    of a tensor as it was.  A gradient that is missing is a bug without that.
    """
    if record.outcome is Outcome.BUG and not any(row.missing for row in record.tensors):
        return CAUSES | {"unexplained": "what finer settings do not remove"}
    return CAUSES


def _chooses_a_first_step(record: AuditRecord) -> bool:
    """Return True for backprop through an adaptive solver of torchdiffeq."""
    solver = record.facts.get("solver", "")
    backprop = record.facts.get(EVALUATIONS, "").endswith(" 0")
    return backprop and solver.startswith("torchdiffeq") and "rtol" in solver


def recommended(record: AuditRecord) -> Setting | None:
    """Return the setting with the fewest evaluations whose error is within half the target."""
    good = [s for s in record.settings if s.error <= record.target / MARGIN]
    return min(good, key=lambda s: (s.evaluations, s.error), default=None)


def advice(record: AuditRecord) -> str:
    """Return the remedy in a sentence or two; "" if there is nothing to do."""
    if record.outcome is Outcome.BUG and not math.isnan(record.error):
        missing = [row.name for row in record.tensors if row.missing]
        if missing:
            return (
                "Look for a tensor that reaches the dynamics in another way than as their parameter, and for "
                "parameters that the backward pass does not know of."
            )
        if _chooses_a_first_step(record):
            return FIRST_STEP
        return (
            "No setting of the solver mends it. Look in the backward pass, or for .detach() between the "
            "steps; `nodecheck check` names the mistake in a layer of your own."
        )
    best = recommended(record)
    if best is None or not record.settings:
        return ""
    yours = record.settings[0]
    if best.kind == "yours":
        return ""
    ratio = best.evaluations / max(yours.evaluations, 1)
    time = best.seconds / max(yours.seconds, sys.float_info.min)
    cost = f"{ratio:.2g} times your evaluations, and {time:.2g} times the time"
    start = "The cheapest setting within half the target" if record.outcome is Outcome.TOLERANCE else (
        "A cheaper setting within half the target" if ratio < 1 else ""
    )  # fmt: skip
    if not start:
        return ""
    return f"{start}: {best.kind}, {best.name}, has an error of {percent(best.error)}. It takes {cost}."
