"""The conclusion of an audit: bug, settings or within the target, and the error by cause and by tensor."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from nodecheck.numerics.audit_constants import SMALL_TENSOR
from nodecheck.own_model.audit import Audit
from nodecheck.own_model.passes import Gradient
from nodecheck.own_model.reference import Reference, norm
from nodecheck.own_model.split import Split, relative, unexplained_tensors
from nodecheck.results.audit import AuditRecord, Outcome, Part, TensorError

__all__ = ["concluded", "cosine_of", "error_of", "gap"]


def concluded(
    known: AuditRecord, audit: Audit, reference: Reference, split: Split, facts: dict[str, str]
) -> AuditRecord:
    """Return the record with the causes and the conclusion."""
    stopped, undecided = unexplained_tensors(reference, split, audit.target)
    missing = sorted(name for name in split.as_trained.missing if float(reference.gradient[name].norm()))
    numbers = known.error, known.uncertainty
    outcome, reason = _outcome(audit, numbers, (stopped, undecided), missing, split)
    return replace(
        known,
        outcome=outcome,
        reason=reason,
        parts=_parts(reference, split),
        tensors=_tensors(reference, split, missing),
        refinement=tuple((level, max(errors.values())) for level, errors in split.levels),
        facts={**known.facts, **facts},
    )


def _outcome(
    audit: Audit,
    numbers: tuple[float, float],
    tensors: tuple[list[str], list[str]],
    missing: list[str],
    split: Split,
) -> tuple[Outcome, str]:
    """Return the conclusion, and the reason for one that needs it."""
    (error, uncertainty), (stopped, undecided) = numbers, tensors
    if missing:
        return Outcome.BUG, f"{', '.join(missing)} got no gradient"
    if not uncertainty <= audit.target:
        reason = f"the error is known to {uncertainty:.1e} only"
        return Outcome.INCONCLUSIVE, reason
    if stopped:
        return Outcome.BUG, f"finer settings do not remove the error of {', '.join(stopped)}"
    if abs(error - audit.target) <= uncertainty:
        reason = f"the error is the target within its uncertainty, {uncertainty:.1e}"
        return Outcome.INCONCLUSIVE, reason
    _, last = split.levels[-1]
    if error > audit.target and any(not last[name] <= audit.target for name in undecided):
        why = split.why_not_refined or "it still falls at the finest setting that was tried"
        reason = f"{error:.1e} is above the target, and whether finer settings remove it is not known: {why}"
        return Outcome.INCONCLUSIVE, reason
    return (Outcome.WITHIN_TARGET if error <= audit.target else Outcome.TOLERANCE), ""


def error_of(reference: Reference, gradient: Gradient) -> float:
    """Return the relative error of the whole gradient."""
    return gap(gradient, reference.gradient) / norm(reference.gradient)


def gap(a: Gradient, b: Gradient) -> float:
    """Return the Euclidean distance of two gradients."""
    return math.sqrt(sum(float((a[name] - g).square().sum()) for name, g in b.items()))


def cosine_of(a: Gradient, b: Gradient) -> float:
    """Return the cosine of the angle between two gradients; NaN if one is zero."""
    product = sum(float((a[name] * b[name]).sum()) for name in a)
    sizes = norm(a) * norm(b)
    return product / sizes if sizes else math.nan


def _parts(reference: Reference, split: Split) -> tuple[Part, ...]:
    """Return each cause with its size, and with its share of the error: the shares add up to one."""
    whole = norm(reference.gradient)
    total = {
        name: sum((d[name] for d in split.differences.values()), torch.zeros(()))
        for name in reference.gradient
    }
    square = sum(float(g.square().sum()) for g in total.values())
    found = []
    for cause, change in split.differences.items():
        along = sum(float((change[name] * total[name]).sum()) for name in total)
        found.append(Part(cause, norm(change) / whole, along / square if square else 0.0))
    return tuple(found)


def _tensors(reference: Reference, split: Split, missing: list[str]) -> tuple[TensorError, ...]:
    """Return the errors by tensor, the largest first."""
    errors = relative(reference, split.as_trained.gradient)
    whole = norm(reference.gradient)
    found = []
    for name, exact in reference.gradient.items():
        size = max(float(exact.norm()), SMALL_TENSOR * whole)
        parts = {cause: float(change[name].norm()) / size for cause, change in split.differences.items()}
        cosine = cosine_of({name: exact}, {name: split.as_trained.gradient[name]})
        found.append(TensorError(name, float(exact.norm()), errors[name], cosine, parts, name in missing))
    return tuple(sorted(found, key=lambda row: -row.error))
