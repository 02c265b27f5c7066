"""Predictions of the gradients that a layer returns, for every known mistake of a backward pass."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping

import numpy as np

from nodecheck.diagnosis.gradient.adjoint_solver import AdjointSolver, make_adjoint_solver
from nodecheck.diagnosis.gradient.adjoints import NOT_PROPAGATED, wrong_adjoints
from nodecheck.diagnosis.gradient.group_hypotheses import ends_of_state, single_group_mistakes, without
from nodecheck.diagnosis.gradient.observation import (
    Jacobians,
    Levels,
    Observation,
    exact_jacobians,
    pull_back,
    pull_back_levels,
)
from nodecheck.diagnosis.gradient.steps import one_step_mistakes
from nodecheck.numerics.formats import UNIT_ROUNDOFF, rounded
from nodecheck.problems import Float64

_Change = Callable[[Float64], Float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Hypotheses:
    """Predictions for one pair of observations.

    Attributes
    ----------
    exact
        The exact gradient.
    whole
        Mistakes that determine all groups at once, by name; the name completes "the gradients match ...".
    together
        Mistakes of the same kind that no group has alone.
    single
        Mistakes that one group can have by itself: group -> name -> predictions of that group.
    own_error
        Relative error of the predictions themselves.
    """

    exact: Levels
    whole: dict[str, Levels]
    together: dict[str, Levels]
    single: dict[str, dict[str, Levels]]
    own_error: float


def make_hypotheses(fine: Observation, coarse: Observation | None) -> Hypotheses:
    """Solve every wrong equation once and pull all cotangents back through it."""
    problem = fine.problem
    jacobians = exact_jacobians(problem)
    solver = make_adjoint_solver(problem)
    whole = {name: pull_back_levels(table, fine, coarse) for name, table in wrong_adjoints(solver).items()}
    if fine.step is not None:
        later = {} if coarse is None or coarse.step is None else one_step_mistakes(solver, coarse.step)
        for name, table in one_step_mistakes(solver, fine.step).items():
            second = pull_back(later[name], coarse.rows()) if coarse is not None and name in later else None
            whole[name] = (pull_back(table, fine.rows()), second)
    batch, width = problem.y0.shape
    whole |= _for_cotangents(_wrong_cotangents(batch), jacobians, fine, coarse)
    together = _for_cotangents(_cotangents_of_a_part(width), jacobians, fine, coarse)
    for name, table in _single_members(solver, jacobians).items():
        whole[name] = pull_back_levels(table, fine, coarse)
    exact = pull_back_levels(jacobians, fine, coarse)
    own_error = _distance(solver.right_gradient(), jacobians)
    return Hypotheses(exact, whole, together, single_group_mistakes(problem, exact), own_error)


def _distance(ours: Jacobians, exact: Jacobians) -> float:
    """Return the largest relative difference of a group."""
    sizes = {name: float(np.linalg.norm(table)) or 1.0 for name, table in exact.items()}
    return float(max(np.linalg.norm(ours[name] - exact[name]) / sizes[name] for name in exact))


def _single_members(solver: AdjointSolver, jacobians: Jacobians) -> dict[str, Jacobians]:
    """Return the gradients if one batch member alone is treated rightly."""
    problem = solver.problem
    if len(problem.y0) < 2 or not problem.params:
        return {}
    found, stays = {}, wrong_adjoints(solver)[NOT_PROPAGATED]
    for name, member in {"first": 0, "last": len(problem.y0) - 1}.items():
        alone = np.arange(len(problem.y0))[:, None, None] == member
        found[f"parameter gradients of the {name} batch member alone"] = {
            group: table if group == "y0" else np.where(alone, table, 0.0)
            for group, table in jacobians.items()
        }
        found[f"an adjoint that is propagated for the {name} batch member alone"] = {
            group: np.where(alone, table, stays[group]) for group, table in jacobians.items()
        }
    return found


def _for_cotangents(
    changes: Mapping[str, _Change], jacobians: Jacobians, fine: Observation, coarse: Observation | None
) -> dict[str, Levels]:
    """Return the exact gradients for cotangents that are changed."""
    return {
        f"the gradient for {words}": (
            pull_back(jacobians, change(fine.rows())),
            None if coarse is None else pull_back(jacobians, change(coarse.rows())),
        )
        for words, change in changes.items()
    }


def _wrong_cotangents(batch: int) -> dict[str, _Change]:
    """Return the changes that cotangents (K, B, d) may undergo on their way into the backward pass."""
    changes: dict[str, _Change] = {
        f"a cotangent rounded to {name}": functools.partial(rounded, name=name) for name in UNIT_ROUNDOFF
    }
    changes["a cotangent of ones, whatever cotangent is given"] = np.ones_like
    if batch > 1:
        changes["the cotangent averaged over the batch"] = lambda v: np.broadcast_to(
            v.mean(axis=1, keepdims=True), v.shape
        )
        if batch > 2:  # of two, that is a shift
            changes["a cotangent whose batch members are in reverse order"] = lambda v: v[:, ::-1]
        for k in range(1, batch):
            changes[f"a cotangent whose batch members are shifted by {k}"] = functools.partial(
                np.roll, shift=k, axis=1
            )
    return changes


def _cotangents_of_a_part(width: int) -> dict[str, _Change]:
    """Return the changes of cotangents of which the first or the last components are lost."""
    return {
        f"a cotangent that is zero in {words}": functools.partial(without, inside=inside)
        for words, inside in ends_of_state(width).items()
    }
