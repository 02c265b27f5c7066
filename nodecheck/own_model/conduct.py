"""The conduct of an audit: gate, reference, split, robustness, other settings, and the conclusion."""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from nodecheck._version import __version__
from nodecheck.numerics.audit_constants import AMPLIFIED_TOLERANCE
from nodecheck.own_model.audit import LOSS_OF_NONE, Audit, Task, task_of
from nodecheck.own_model.conclusion import concluded, cosine_of, error_of, gap
from nodecheck.own_model.gate import CAPTURED, examine_field, examine_field_in_float64, foreign_leaves
from nodecheck.own_model.knobs import Refinement
from nodecheck.own_model.passes import Pass, run_pass
from nodecheck.own_model.reference import NoReferenceError, Reference, norm, reference_of
from nodecheck.own_model.settings import compared_settings
from nodecheck.own_model.split import Split, split_error
from nodecheck.own_model.states import parts
from nodecheck.own_model.tangent import Tangent, tangent_along
from nodecheck.own_model.unchanged import leaves_unchanged, unchanged
from nodecheck.results.audit import AuditRecord, Finding, Outcome

__all__ = ["INTERRUPTED", "conduct"]

INTERRUPTED = "interrupted"  # what `progress` is told at Ctrl-C


def conduct(task: Audit, progress: Callable[[str], None] = lambda _: None) -> AuditRecord:
    """Return the record of an audit; `progress` is told what begins.

    Ctrl-C ends it, and leaves what is known until then; `progress` is told `INTERRUPTED`.  Nothing of the
    user's is changed: the dynamics are copies, and what else is called is put back.
    """
    start = time.perf_counter()
    record = AuditRecord(task.name, task.target, Outcome.INCONCLUSIVE, "it was interrupted")
    with unchanged(called=True), warnings.catch_warnings(), leaves_unchanged(_captured(task)):
        warnings.simplefilter("ignore")  # of the user's model; they are seen in training
        try:
            for known, begins in _stages(task):
                record = known
                if begins:
                    progress(begins)
        except KeyboardInterrupt:
            progress(INTERRUPTED)
    environment = {"nodecheck": __version__, "torch": torch.__version__}
    return replace(record, seconds=time.perf_counter() - start, environment=environment)


def _captured(audit: Audit) -> list[Tensor]:
    """Return the tensors that the field reaches from outside, to which backprop gives a gradient."""
    try:
        with torch.enable_grad():
            return foreign_leaves(task_of(audit))
    except (RuntimeError, TypeError, ValueError, IndexError):
        return []  # no call of the field: the first stage tells it


def _stages(audit: Audit) -> Iterator[tuple[AuditRecord, str]]:
    """Yield what is known, and what begins next; the last record is the conclusion."""
    known = AuditRecord(audit.name, audit.target, Outcome.INCONCLUSIVE, "it was interrupted")
    known = replace(known, facts={} if audit.loss else {"loss": LOSS_OF_NONE})
    own, exact = task_of(audit), task_of(audit, torch.float64)
    yield known, "the field"
    known = replace(known, findings=_findings(audit, own, exact))
    if any(f.blocks for f in known.findings):
        yield _blocked(known), ""
        return
    yield known, "the exact gradient"
    refinement = Refinement(audit)
    try:
        with refinement.settings(0):
            first, again = run_pass(audit.solve, own), run_pass(audit.solve, own)
    except (RuntimeError, AssertionError) as error:
        yield _died(audit, known, (own, exact), error), ""
        return
    spread = gap(first.gradient, again.gradient)
    if spread > audit.target * norm(first.gradient):
        told = {"two equal training steps": f"their gradients differ by {spread / norm(first.gradient):.1e}"}
        yield replace(known, reason=_not_repeated(first, again, spread), reference=told), ""
        return
    try:
        reference = reference_of(exact, audit.target, final=first.final)
    except NoReferenceError as error:
        yield replace(known, reason=str(error)), ""
        return
    if not norm(reference.gradient):
        reason = "the exact gradient is zero: the loss does not depend on the parameters of the dynamics"
        yield replace(known, reason=reason), ""
        return
    if not math.isfinite(norm(first.gradient)):
        yield _not_finite(audit, known, exact), ""
        return
    known = _with_error(known, reference, first, again)
    yield known, "a second route to it"
    tangent = tangent_along(exact, reference)
    facts = {**known.reference, "difference to the tangent of SciPy's DOP853": f"{tangent.gap:.1e}"}
    known = replace(known, reference=facts, uncertainty=known.uncertainty + tangent.gap)
    yield known, "the causes of its error"
    split = split_error(audit, (own, exact), reference, tangent, refinement)
    known = concluded(known, audit, reference, split, _facts(split, tangent, refinement))
    yield known, "other settings"
    yield replace(known, settings=compared_settings(own, reference, split)), ""


def _findings(audit: Audit, own: Task, exact: Task) -> tuple[Finding, ...]:
    found = examine_field(own)
    if any(finding.blocks for finding in found):
        return tuple(found)
    found += examine_field_in_float64(exact)
    if any(finding.kind == CAPTURED for finding in found) and _are_reached(audit, own):
        advice = "The solve gives them a gradient, as backprop does; it is not audited. An adjoint would not."
        found = [
            replace(f, advice=advice, blocks=False, wrong=False) if f.kind == CAPTURED else f for f in found
        ]
    return tuple(found)


def _are_reached(audit: Audit, own: Task) -> bool:
    """Return True if the solve gives every captured tensor a gradient."""
    try:
        output = audit.solve(own.dynamics, own.y0, own.t.clone())
    except (RuntimeError, AssertionError):
        return False
    known = [part.sum() for part in parts(output) if part.requires_grad]
    grads = torch.autograd.grad(known, foreign_leaves(own), allow_unused=True) if known else (None,)
    return all(grad is not None for grad in grads)


def _blocked(known: AuditRecord) -> AuditRecord:
    """Return the record of a field that has no gradient to compare with, or a wrong one."""
    outcome = Outcome.BUG if any(f.wrong for f in known.findings) else Outcome.NOT_AUDITED
    reason = next(f"{f.kind}: {f.text}" for f in known.findings if f.blocks)
    return replace(known, outcome=outcome, reason=reason)


def _not_finite(audit: Audit, known: AuditRecord, exact: Task) -> AuditRecord:
    """Return the record of a gradient with infinity or NaN in it, where the exact one is finite."""
    reason = "its gradient has infinity or NaN in it, and the exact one is finite"
    if math.isfinite(norm(run_pass(audit.solve, exact).gradient)):
        return replace(
            known, outcome=Outcome.TOLERANCE, reason=f"{reason}; in float64 it is finite: an overflow"
        )
    return replace(known, outcome=Outcome.BUG, reason=reason)


def _not_repeated(first: Pass, again: Pass, spread: float) -> str:
    """Return why a step that is random has no error."""
    return (
        f"two equal training steps have losses of {first.loss:.6g} and {again.loss:.6g}, and gradients that "
        f"differ by {spread / norm(first.gradient):.1e}: the solve or the loss draws random numbers or keeps "
        "a state; put its modules in eval mode, or draw the numbers before"
    )


def _with_error(known: AuditRecord, reference: Reference, first: Pass, again: Pass) -> AuditRecord:
    """Return the record with the error, and how exactly it is known: two equal passes may differ."""
    spread = gap(first.gradient, again.gradient) / norm(reference.gradient)
    facts = {
        "method": f"{reference.method}, float64, exact derivative of its own steps",
        "estimated error": f"{reference.error:.1e}",
        "evaluations": str(reference.evaluations),
    }
    if spread:
        facts["two equal training steps"] = f"their gradients differ by {spread:.1e}"
    return replace(
        known,
        error=error_of(reference, first.gradient),
        cosine=cosine_of(reference.gradient, first.gradient),
        uncertainty=reference.error + spread,
        reference=facts,
    )


def _died(audit: Audit, known: AuditRecord, tasks: tuple[Task, Task], error: Exception) -> AuditRecord:
    """Return the record of a solve that raises an error, which may come from the reconstructed state."""
    own, exact = tasks
    received = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]
    reason = f"the training step raises {received}"
    try:
        final = own.layout.is_final(audit.solve(own.dynamics, own.y0, own.t.clone()))
        reference = reference_of(exact, audit.target, final=final)
        tangent = tangent_along(exact, reference)
        if not _raises(audit, exact, reference):
            return replace(known, reason=f"{reason}; with float64 and the loss at the exact states it runs")
        forced = run_pass(audit.solve, exact, cotangent=reference.cotangent, forced=tangent.at)
    except (NoReferenceError, RuntimeError, AssertionError, ValueError):
        return replace(known, reason=reason)
    error_then = error_of(reference, forced.gradient)
    facts = {"with the exact state in the backward pass": f"error {error_then:.1e}", **_growth_fact(tangent)}
    facts = {**known.facts, **facts}
    reason += (
        f"; with the exact state in the backward pass it runs, with an error of {error_then:.1e}: the state "
        "cannot be reconstructed backwards; use backprop or checkpoints in place of the adjoint"
    )
    return replace(known, outcome=Outcome.TOLERANCE, reason=reason, facts=facts)


def _raises(audit: Audit, exact: Task, reference: Reference) -> bool:
    """Return True if the solve raises its error in float64 too, and whatever the loss does."""
    try:
        run_pass(audit.solve, exact, cotangent=reference.cotangent)
    except (RuntimeError, AssertionError):
        return True
    return False


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
    if split.why_not_reconstructed:
        facts["error of a reconstructed state, counted as discretisation"] = split.why_not_reconstructed
    return facts | _growth_fact(tangent)


def _growth_fact(tangent: Tangent) -> dict[str, str]:
    growth = tangent.growth
    text = f"{growth:.2g}: an error at the last time grows by this factor on the way back"
    if growth > 1.0 / AMPLIFIED_TOLERANCE:
        text += (
            f"; an adjoint that reconstructs the state needs rtol below {AMPLIFIED_TOLERANCE / growth:.0e}"
        )
    return {"growth of errors, backwards": text}
