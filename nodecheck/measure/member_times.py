"""Solves with an interval for each member of the batch: those of a layer, of each member alone, and exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from nodecheck.layers import Array, Gradients, LayerUnderTest, Pullback, Solution, Solve, Variation
from nodecheck.layers.layer import MEMBER_TIMES
from nodecheck.measure.convergence import Ladder, enough_cotangents, fit, require_refinable
from nodecheck.measure.time_gradients import names_of_times
from nodecheck.numerics import group_errors, relative_error
from nodecheck.problems import Problem, members_of
from nodecheck.problems.problem import TIMES
from nodecheck.reference import Sensitivity, sensitivity

WHEN = "with an interval for each member"
Solver = Callable[..., Solution]


def together(
    layer: LayerUnderTest,
    problem: Problem,
    resolution: float,
    cotangents: Sequence[Array],
    *,
    of_times: bool,
) -> Solution:
    """Return the solution of the whole batch, each member on its own interval, with its backward passes.

    With `of_times` times require a gradient, which has the shape of the times.
    """
    variation = Variation(MEMBER_TIMES, WHEN, members_of(problem), capability=MEMBER_TIMES)
    wrt = _wrt(layer, problem, of_times=of_times)
    return layer.solution(Solve(problem, resolution, wrt, variation), tuple(cotangents))


def alone(
    layer: LayerUnderTest,
    problem: Problem,
    resolution: float,
    cotangents: Sequence[Array],
    *,
    of_times: bool,
) -> Solution:
    """Return the same, put together from the solutions of each member alone in plain use of the layer."""
    wrt = _wrt(layer, problem, of_times=of_times)
    found = [
        layer.solution(Solve(member, resolution, wrt), [_of_member(w, k) for w in cotangents])
        for k, member in enumerate(members_of(problem))
    ]
    pullbacks = (
        Pullback(_joined([pullback.gradients for pullback in same]), sum((p.calls for p in same), start=()))
        for same in zip(*(one.pullbacks for one in found), strict=True)
    )
    states = np.concatenate([one.y1 for one in found], axis=-2)
    return Solution(states, sum((one.calls for one in found), start=()), tuple(pullbacks))


def exact(problem: Problem, cotangent: Array) -> dict[str, Array]:
    """Return the exact gradients by group, with those of times of each member."""
    found = _joined(gradients_of_members(problem, cotangent))
    return {name: value for name, value in found.items() if value is not None}


def gradients_of_members(problem: Problem, cotangent: Array) -> list[dict[str, Array]]:
    """Return the exact gradients by group that each member alone contributes."""
    found = []
    for k, reference in enumerate(references(problem)):
        w = _of_member(cotangent, k)
        found.append({**reference.pullback(w), **reference.pullback_of_times(w)})
    return found


def references(problem: Problem) -> tuple[Sensitivity, ...]:
    """Return the exact solution and derivatives of each member on its interval."""
    return tuple(sensitivity(member) for member in members_of(problem))


def exact_states(problem: Problem) -> Array:
    """Return the exact states of all members."""
    return np.concatenate([reference.y1 for reference in references(problem)], axis=-2)


def parts_of(layer: LayerUnderTest, problem: Problem, *, of_times: bool) -> dict[str, tuple[str, ...]]:
    """Return the names that are judged together: y1 with the gradients of all groups, and those of times."""
    values = {"y1 and gradients": ("y1", *problem.groups)}
    return values | ({"∂L/∂t": names_of_times(layer)} if of_times else {})


def cotangents_of(layer: LayerUnderTest, problem: Problem) -> tuple[Array, ...]:
    """Return as many cotangents as give every group an RMS over enough numbers."""
    return layer.cotangents(problem, enough_cotangents(layer, problem))


def errors(
    solve: Solver, layer: LayerUnderTest, problem: Problem, resolution: float, *, of_times: bool
) -> Mapping[str, float]:
    """Return the relative error of y1 and of the gradient of each group; `solve` is `together` or `alone`."""
    cotangents = cotangents_of(layer, problem)
    found = solve(layer, problem, resolution, cotangents, of_times=of_times)
    right = [exact(problem, w) for w in cotangents]
    asked = [{name: value for name, value in one.items() if name in found.gradients} for one in right]
    return {
        "y1": relative_error(found.y1, exact_states(problem)),
        **group_errors([one.gradients for one in found.pullbacks], asked),
    }


def ladders(
    solve: Solver, layer: LayerUnderTest, problem: Problem, extra: int = 0, *, of_times: bool
) -> dict[str, Ladder]:
    """Return the largest error of each part over the refinement ladder; `solve` as in `errors`."""
    require_refinable(layer, problem)
    levels = layer.ladder(len(layer.ladder()) + extra)
    found = [errors(solve, layer, problem, n, of_times=of_times) for n in levels]
    parts = parts_of(layer, problem, of_times=of_times)
    floor = max(layer.floor(levels[-1]), *(reference.rtol for reference in references(problem)))
    return {
        part: fit(levels, [float(np.max([one[name] for name in names])) for one in found], floor)
        for part, names in parts.items()
    }


def _wrt(layer: LayerUnderTest, problem: Problem, *, of_times: bool) -> tuple[str, ...]:
    return (*problem.groups, *(names_of_times(layer) if of_times else ()))


def _of_member(cotangent: Array, k: int) -> Array:
    return cotangent[..., k : k + 1, :]


def _joined(of_members: Sequence[Gradients]) -> dict[str, Array | None]:
    """Return gradients of the whole batch from those of its members.

    y0 and times belong to one member each; parameters belong to all, and their gradient is the sum.
    """
    joined: dict[str, Array | None] = {}
    for name in of_members[0]:
        values = [one[name] for one in of_members]
        arrived = [value for value in values if value is not None]
        if len(arrived) < len(values):
            joined[name] = None
        elif name in TIMES:
            joined[name] = np.stack(arrived)
        else:
            joined[name] = np.concatenate(arrived) if name == "y0" else np.sum(arrived, axis=0)
    return joined
