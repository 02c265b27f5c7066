"""The conduct of an audit: gate, reference, split, robustness, other settings, and the conclusion."""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from nodecheck._version import __version__
from nodecheck.numerics.audit_constants import AMPLIFIED_TOLERANCE, SMALL_TENSOR
from nodecheck.own_model.audit import Audit, Task, task_of
from nodecheck.own_model.gate import examine_field, examine_field_in_float64
from nodecheck.own_model.knobs import Refinement
from nodecheck.own_model.passes import Gradient, Pass, run_pass
from nodecheck.own_model.reference import NoReferenceError, Reference, norm, reference_of
from nodecheck.own_model.settings import compared_settings
from nodecheck.own_model.split import Split, relative, split_error, unexplained_tensors
from nodecheck.own_model.tangent import Tangent, tangent_along
from nodecheck.results.audit import AuditRecord, Outcome, Part, TensorError

__all__ = ["conduct", "cosine_of", "error_of"]


def conduct(task: Audit, progress: Callable[[str], None] = lambda _: None) -> AuditRecord:
    """Return the record of an audit; `progress` is told what begins."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the user's model; they are seen in training
        record = _audited(task, progress)
    environment = {"nodecheck": __version__, "torch": torch.__version__}
    return replace(record, seconds=time.perf_counter() - start, environment=environment)


def _audited(audit: Audit, progress: Callable[[str], None]) -> AuditRecord:
    empty = AuditRecord(audit.name, audit.target, Outcome.NOT_AUDITED)
    own, exact = task_of(audit), task_of(audit, torch.float64)
    progress("the field")
    findings = tuple(examine_field(own))
    if not any(f.blocks for f in findings):
        findings = (*findings, *examine_field_in_float64(exact))
    empty = replace(empty, findings=findings)
    if any(f.blocks for f in findings):
        outcome = Outcome.BUG if any(f.wrong for f in findings) else Outcome.NOT_AUDITED
        reason = next(f"{f.kind}: {f.text}" for f in findings if f.blocks)
        return replace(empty, outcome=outcome, reason=reason)
    progress("the exact gradient")
    refinement = Refinement(audit)
    try:
        with refinement.settings(0):
            first = run_pass(audit.solve, own)
    except (RuntimeError, AssertionError) as error:
        return _died(audit, empty, exact, error)
    try:
        reference = reference_of(exact, audit.target, final=first.final)
    except NoReferenceError as error:
        return replace(empty, outcome=Outcome.INCONCLUSIVE, reason=str(error))
    if not norm(reference.gradient):
        reason = "the exact gradient is zero: the loss does not depend on the parameters of the dynamics"
        return replace(empty, outcome=Outcome.INCONCLUSIVE, reason=reason)
    tangent = tangent_along(exact, reference)
    progress("the causes of its error")
    split = split_error(audit, (own, exact), reference, tangent, refinement)
    progress("other settings")
    settings = compared_settings(own, reference, split)
    return _concluded(replace(empty, settings=settings), audit, reference, tangent, split, refinement)


def _died(audit: Audit, empty: AuditRecord, exact: Task, error: Exception) -> AuditRecord:
    """Return the record of a solve that raises an error, which may come from the reconstructed state."""
    received = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]
    reason = f"the training step raises {received}"
    try:
        reference = reference_of(exact, audit.target, final=False)
        tangent = tangent_along(exact, reference)
        forced = run_pass(audit.solve, exact, cotangent=reference.cotangent, forced=tangent.at)
    except (NoReferenceError, RuntimeError, AssertionError, ValueError):
        return replace(empty, outcome=Outcome.INCONCLUSIVE, reason=reason)
    error_then = error_of(reference, forced.gradient)
    facts = {"with the exact state in the backward pass": f"error {error_then:.1e}", **_growth_fact(tangent)}
    reason += (
        f"; with the exact state in the backward pass it runs, with an error of {error_then:.1e}: the state "
        "cannot be reconstructed backwards; use backprop or checkpoints in place of the adjoint"
    )
    return replace(empty, outcome=Outcome.TOLERANCE, reason=reason, facts=facts)


def _concluded(
    empty: AuditRecord,
    audit: Audit,
    reference: Reference,
    tangent: Tangent,
    split: Split,
    refinement: Refinement,
) -> AuditRecord:
    """Return the record with all numbers and the conclusion."""
    error = error_of(reference, split.as_trained.gradient)
    uncertainty = reference.error + tangent.gap
    stopped, undecided = unexplained_tensors(reference, split, audit.target)
    missing = sorted(name for name in split.as_trained.missing if float(reference.gradient[name].norm()))
    outcome, reason = _outcome(audit, (error, uncertainty), (stopped, undecided), missing, split)
    return replace(
        empty,
        outcome=outcome,
        reason=reason,
        error=error,
        uncertainty=uncertainty,
        cosine=cosine_of(reference.gradient, split.as_trained.gradient),
        parts=_parts(reference, split),
        tensors=_tensors(reference, split, missing),
        refinement=tuple((level, max(errors.values())) for level, errors in split.levels),
        reference=_reference_facts(reference, tangent),
        facts=_facts(split, tangent, refinement),
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
    if stopped:
        return Outcome.BUG, f"finer settings do not remove the error of {', '.join(stopped)}"
    if not uncertainty <= audit.target:
        reason = f"the exact gradient is known to {uncertainty:.1e} only"
        return Outcome.INCONCLUSIVE, reason
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
    gap = math.sqrt(sum(float((gradient[k] - g).square().sum()) for k, g in reference.gradient.items()))
    return gap / norm(reference.gradient)


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


def _reference_facts(reference: Reference, tangent: Tangent) -> dict[str, str]:
    return {
        "method": f"{reference.method}, float64, exact derivative of its own steps",
        "estimated error": f"{reference.error:.1e}",
        "difference to the tangent of SciPy's DOP853": f"{tangent.gap:.1e}",
        "evaluations": str(reference.evaluations),
    }


def _facts(split: Split, tangent: Tangent, refinement: Refinement) -> dict[str, str]:
    passes: Pass = split.as_trained
    facts: dict[str, Any] = {
        "evaluations, forward and backward": f"{passes.forward_calls} and {passes.backward_calls}",
        "solver": "; ".join(refinement.used) or "not known",
    }
    largest = [max(errors.values()) for _, errors in split.levels]
    if len(largest) > 1 and largest[0] > 0.0:
        ratio = (largest[0] / max(largest[-1], sys.float_info.min)) ** (1.0 / (len(largest) - 1))
        facts["finer settings"] = f"each reduces the error {ratio:.2g} times"
    if split.why_not_refined:
        facts["finer settings ended"] = split.why_not_refined
    return facts | _growth_fact(tangent)


def _growth_fact(tangent: Tangent) -> dict[str, str]:
    growth = tangent.growth
    text = f"{growth:.2g}: an error at the last time grows by this factor on the way back"
    if growth > 1.0 / AMPLIFIED_TOLERANCE:
        text += (
            f"; an adjoint that reconstructs the state needs rtol below {AMPLIFIED_TOLERANCE / growth:.0e}"
        )
    return {"growth of errors, backwards": text}
