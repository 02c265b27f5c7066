"""All that may be wrong with a backward pass, as predictions of what the layer then returns."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from nodecheck.diagnosis.gradient.adjoint_solver import World, make_world, right
from nodecheck.diagnosis.gradient.adjoints import NOT_PROPAGATED, steady
from nodecheck.diagnosis.gradient.observation import Gradients, Jacobians, Observation, pull_back
from nodecheck.diagnosis.gradient.steps import stepwise
from nodecheck.numerics.formats import UNIT_ROUNDOFF, rounded
from nodecheck.problems import Float64, Problem
from nodecheck.reference import sensitivity

Levels = tuple[Gradients, Gradients | None]  # at the fine and at the coarse resolution


@dataclasses.dataclass(frozen=True, eq=False)
class Hypotheses:
    """Predictions for one pair of observations.

    Attributes
    ----------
    exact
        The exact gradient.
    whole
        Mistakes that determine all groups at once, by name; the name completes "the gradients match ...".
    single
        Mistakes that one group can have by itself: group -> name -> predictions of that group.
    own_error
        Relative error of the predictions themselves.
    """

    exact: Levels
    whole: dict[str, Levels]
    single: dict[str, dict[str, Levels]]
    own_error: float


def make_hypotheses(fine: Observation, coarse: Observation | None) -> Hypotheses:
    """Solve every wrong equation once and pull all cotangents back through it."""
    problem = fine.problem
    jacobians = {
        name: table.reshape(*problem.y0.shape, -1) for name, table in sensitivity(problem).jacobians.items()
    }
    world = make_world(problem)
    whole = {name: _levels(table, fine, coarse) for name, table in steady(world).items()}
    if fine.step is not None:
        later = {} if coarse is None or coarse.step is None else stepwise(world, coarse.step)
        for name, table in stepwise(world, fine.step).items():
            second = pull_back(later[name], coarse.rows()) if coarse is not None and name in later else None
            whole[name] = (pull_back(table, fine.rows()), second)
    whole |= _of_cotangent_and_batch(problem, world, jacobians, fine, coarse)
    exact = _levels(jacobians, fine, coarse)
    return Hypotheses(exact, whole, _of_one_group(problem, exact), _distance(right(world), jacobians))


def _levels(table: Jacobians, fine: Observation, coarse: Observation | None) -> Levels:
    return pull_back(table, fine.rows()), None if coarse is None else pull_back(table, coarse.rows())


def _distance(ours: Jacobians, exact: Jacobians) -> float:
    errors = [np.linalg.norm(ours[name] - exact[name]) / _size(exact[name]) for name in exact]
    return float(max(errors))


def _size(table: Float64) -> float:
    return float(np.linalg.norm(table)) or 1.0


def _of_cotangent_and_batch(
    problem: Problem, world: World, jacobians: Jacobians, fine: Observation, coarse: Observation | None
) -> dict[str, Levels]:
    """Return predictions that use the right equation with the wrong cotangents or batch members."""
    found = {
        f"the gradient for {words}": _for_cotangents(change, jacobians, fine, coarse)
        for words, change in _wrong_cotangents(len(problem.y0)).items()
    }
    found["a cotangent of ones, whatever cotangent is given"] = _for_cotangents(
        np.ones_like, jacobians, fine, coarse
    )
    if len(problem.y0) < 2 or not problem.params:
        return found
    stays = steady(world)[NOT_PROPAGATED]
    for name, member in {"first": 0, "last": len(problem.y0) - 1}.items():
        alone = np.arange(len(problem.y0))[:, None, None] == member
        tables = {
            f"parameter gradients of the {name} batch member alone": {
                group: table if group == "y0" else np.where(alone, table, 0.0)
                for group, table in jacobians.items()
            },
            f"an adjoint that is propagated for the {name} batch member alone": {
                group: np.where(alone, table, stays[group]) for group, table in jacobians.items()
            },
        }
        found |= {words: _levels(table, fine, coarse) for words, table in tables.items()}
    return found


def _wrong_cotangents(batch: int) -> dict[str, Callable[[Float64], Float64]]:
    """Return what may happen to cotangents (K, B, d) on their way into the backward pass."""
    changes: dict[str, Callable[[Float64], Float64]] = {
        f"a cotangent rounded to {name}": functools.partial(rounded, name=name) for name in UNIT_ROUNDOFF
    }
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


def _for_cotangents(
    change: Callable[[Float64], Float64],
    jacobians: Jacobians,
    fine: Observation,
    coarse: Observation | None,
) -> Levels:
    """Return the exact gradients for other cotangents than those given."""
    second = None if coarse is None else pull_back(jacobians, change(coarse.rows()))
    return pull_back(jacobians, change(fine.rows())), second


def _of_one_group(problem: Problem, exact: Levels) -> dict[str, dict[str, Levels]]:
    """Return what a group would be if it were transposed, or exchanged with another of its shape."""
    found: dict[str, dict[str, Levels]] = {name: {} for name in problem.groups}
    batch = len(problem.y0)
    if batch > 1:
        found["y0"]["the mean of its rows in every row"] = _in_every_row(exact, batch, 1.0 / batch)
        found["y0"]["the sum of its rows in every row"] = _in_every_row(exact, batch, 1.0)
    for name, value in problem.params.items():
        shape = value.shape
        if value.ndim == 2 and 1 not in shape:
            label = "its own transpose" if shape[0] == shape[1] else "its own transpose in the wrong shape"
            found[name][label] = (
                {name: _transposed(exact[0][name], shape)},
                None if exact[1] is None else {name: _transposed(exact[1][name], shape)},
            )
        for other, candidate in problem.params.items():
            if other != name and candidate.shape == shape:
                found[name][f"∂L/∂{other}"] = (
                    {name: exact[0][other]},
                    None if exact[1] is None else {name: exact[1][other]},
                )
    return found


def _in_every_row(exact: Levels, batch: int, weight: float) -> Levels:
    """Return the gradients of y0 if each member gets the same multiple of the sum over the batch."""

    def summed(gradients: Gradients) -> Gradients:
        rows = gradients["y0"].reshape(len(gradients["y0"]), batch, -1)
        same = np.broadcast_to(weight * rows.sum(axis=1, keepdims=True), rows.shape)
        return {"y0": same.reshape(len(rows), -1)}

    fine, coarse = exact
    return summed(fine), None if coarse is None else summed(coarse)


def _transposed(rows: Float64, shape: tuple[int, ...]) -> Float64:
    """Return the entries of each row's matrix in the order of its transpose."""
    return np.swapaxes(rows.reshape(-1, *shape), -1, -2).reshape(rows.shape)
