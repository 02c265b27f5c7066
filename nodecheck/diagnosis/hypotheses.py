"""All that may be wrong with a backward pass, as predictions of what the layer then returns."""

from __future__ import annotations

import dataclasses

import numpy as np

from nodecheck.diagnosis.adjoints import steady
from nodecheck.diagnosis.observation import Gradients, Jacobians, Observation, members, pull_back
from nodecheck.diagnosis.steps import stepwise
from nodecheck.diagnosis.world import make_world, right
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
    whole |= _of_cotangent_and_batch(problem, jacobians, fine, coarse)
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
    problem: Problem, jacobians: Jacobians, fine: Observation, coarse: Observation | None
) -> dict[str, Levels]:
    """Return predictions that use the right equation with the wrong cotangents or batch members."""

    def ones(observation: Observation) -> Gradients:
        return pull_back(jacobians, np.ones_like(observation.rows()))

    def share(observation: Observation, member: int) -> Gradients:
        each = members(jacobians, observation.rows())
        exact = pull_back(jacobians, observation.rows())
        return {name: exact[name] if name == "y0" else each[name][:, member] for name in each}

    found = {
        "a cotangent of ones, whatever cotangent is given": (ones(fine), ones(coarse) if coarse else None)
    }
    if len(problem.y0) > 1 and problem.params:
        for name, member in {"first": 0, "last": -1}.items():
            found[f"parameter gradients of the {name} batch member alone"] = (
                share(fine, member),
                share(coarse, member) if coarse else None,
            )
    return found


def _of_one_group(problem: Problem, exact: Levels) -> dict[str, dict[str, Levels]]:
    """Return what a group would be if it were transposed, or exchanged with another of its shape."""
    found: dict[str, dict[str, Levels]] = {name: {} for name in problem.groups}
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


def _transposed(rows: Float64, shape: tuple[int, ...]) -> Float64:
    """Return the entries of each row's matrix in the order of its transpose."""
    return np.swapaxes(rows.reshape(-1, *shape), -1, -2).reshape(rows.shape)
