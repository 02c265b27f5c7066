"""The error of a gradient by its causes: passes that differ in one thing each."""

from __future__ import annotations

import itertools
import math
import sys
from dataclasses import dataclass, field

from nodecheck.numerics.audit_constants import (
    EXPLAINED_SHARE,
    FEWEST_REFINEMENTS,
    MOST_EVALUATIONS,
    MOST_REFINEMENTS,
    PLATEAU_LEVELS,
    REFERENCE_ERRORS,
    SMALL_TENSOR,
    STOPPED,
)
from nodecheck.own_model.audit import Audit, Task
from nodecheck.own_model.knobs import Refinement
from nodecheck.own_model.passes import Gradient, Pass, run_pass
from nodecheck.own_model.reference import Reference, difference, norm
from nodecheck.own_model.tangent import Tangent

__all__ = ["Split", "relative", "split_error", "unexplained_tensors"]


@dataclass
class Split:
    """The gradients of the passes, and their differences by cause.

    Attributes
    ----------
    as_trained : Pass
        In the user's dtype, at the user's settings.
    in_float64 : Pass
        The same in float64.
    differences : dict
        Gradient differences by cause; they add up to the error.
    levels : list of (int, dict)
        The error by tensor at each finer setting, the user's own first.
    passes : list of Pass
        The pass at each.
    why_not_refined : str
        Why there are no finer settings, or why they ended; "" if they came down to the floor.
    why_not_reconstructed : str
        Why the exact state could not be put into the backward pass: its error is then in the discretisation.
    """

    as_trained: Pass
    in_float64: Pass
    differences: dict[str, Gradient] = field(default_factory=dict)
    levels: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    why_not_refined: str = ""
    why_not_reconstructed: str = ""


def split_error(
    audit: Audit, tasks: tuple[Task, Task], reference: Reference, tangent: Tangent, refinement: Refinement
) -> Split:
    """Return the split.

    Parameters
    ----------
    audit : Audit
        What is audited.
    tasks : pair of Task
        In the user's dtype, and in float64.
    reference : Reference
        The exact gradient.
    tangent : Tangent
        Holds the exact trajectory, which is put in the place of the reconstructed state.
    refinement : Refinement
        The finer settings.
    """
    own, exact = tasks
    with refinement.settings(0):
        as_trained = run_pass(audit.solve, own)
        in_float64 = run_pass(audit.solve, exact)
        exact_loss = run_pass(audit.solve, exact, cotangent=reference.cotangent)
        split = Split(as_trained, in_float64)
        split.differences["arithmetic"] = difference(as_trained.gradient, in_float64.gradient)
        split.differences["loss"] = difference(in_float64.gradient, exact_loss.gradient)
        last = exact_loss
        if exact_loss.backward_calls:
            try:
                last = run_pass(audit.solve, exact, cotangent=reference.cotangent, forced=tangent.at)
                split.differences["reconstruction"] = difference(exact_loss.gradient, last.gradient)
            except (RuntimeError, ValueError) as error:  # under vmap a time is no number
                split.why_not_reconstructed = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    finest = _refined(audit, exact, reference, refinement, exact_loss, split)
    if finest is None:
        split.differences["discretisation"] = difference(last.gradient, reference.gradient)
    else:
        split.differences["discretisation"] = difference(last.gradient, finest.gradient)
        split.differences["unexplained"] = difference(finest.gradient, reference.gradient)
    return split


def relative(reference: Reference, gradient: Gradient) -> dict[str, float]:
    """Return the error of each tensor relative to its exact gradient, or to a small share of the whole."""
    whole = norm(reference.gradient)
    return {
        name: float((gradient[name] - exact).norm())
        / max(float(exact.norm()), SMALL_TENSOR * whole, sys.float_info.min)
        for name, exact in reference.gradient.items()
    }


def floor_of(reference: Reference, target: float) -> dict[str, float]:
    """Return the error of each tensor below which it counts as explained."""
    whole = norm(reference.gradient)
    own = dict(reference.errors)
    return {
        name: max(
            EXPLAINED_SHARE * target,
            REFERENCE_ERRORS
            * own.get(name, 0.0)
            / max(float(g.norm()), SMALL_TENSOR * whole, sys.float_info.min),
        )
        for name, g in reference.gradient.items()
    }


def unexplained_tensors(reference: Reference, split: Split, target: float) -> tuple[list[str], list[str]]:
    """Return the tensors whose error finer settings do not remove, and those that are still undecided."""
    floor = floor_of(reference, target)
    _, last = split.levels[-1]
    above = [name for name, error in last.items() if not error <= floor[name]]
    stopped = [name for name in above if _has_stopped([level[name] for _, level in split.levels])]
    return stopped, [name for name in above if name not in stopped]


def _refined(
    audit: Audit, task: Task, reference: Reference, refinement: Refinement, coarse: Pass, split: Split
) -> Pass | None:
    """Return the pass at the finest setting that was needed, or None if nothing can be refined."""
    split.levels = [(0, relative(reference, coarse.gradient))]
    split.passes = [coarse]
    if refinement.why_unknown:
        split.why_not_refined = refinement.why_unknown
        return None
    finest = None
    for level in range(1, MOST_REFINEMENTS + 1):
        try:
            with refinement.settings(level):
                finest = run_pass(refinement.at(level), task, cotangent=reference.cotangent)
        except (RuntimeError, AssertionError, ValueError) as error:
            split.why_not_refined = f"{type(error).__name__} at level {level}: {error}"
            break
        split.levels.append((level, relative(reference, finest.gradient)))
        split.passes.append(finest)
        if level >= FEWEST_REFINEMENTS and _is_settled(reference, split, audit.target):
            break
        if finest.forward_calls + finest.backward_calls > MOST_EVALUATIONS:
            split.why_not_refined = f"a pass takes more than {MOST_EVALUATIONS} evaluations"
            break
    return finest


def _is_settled(reference: Reference, split: Split, target: float) -> bool:
    """Return True if every tensor is explained, or has stopped to improve."""
    _, undecided = unexplained_tensors(reference, split, target)
    return not undecided


def _has_stopped(errors: list[float]) -> bool:
    """Return True if the last refinements have all left the error as it was.

    It has to stay, not only to fall slowly: on a grid that a jump of the field does not hit, the error falls
    like the step, but up and down from one grid to the next.
    """
    last = errors[-PLATEAU_LEVELS - 1 :]
    ratios = [b / a if a else math.inf for a, b in itertools.pairwise(last)]
    return len(ratios) == PLATEAU_LEVELS and all(STOPPED <= ratio <= 1.0 / STOPPED for ratio in ratios)
