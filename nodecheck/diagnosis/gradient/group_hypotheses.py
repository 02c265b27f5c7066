"""Predictions of one group by itself: transposed, exchanged with another, or the same for all members."""

from __future__ import annotations

import functools

import numpy as np

from nodecheck.diagnosis.gradient.observation import Gradients, Levels, map_levels
from nodecheck.numerics.constants import MOST_COMPONENTS_AT_AN_END
from nodecheck.problems import Float64, Problem


def single_group_mistakes(problem: Problem, exact: Levels) -> dict[str, dict[str, Levels]]:
    """Return the mistakes that a group can have by itself: group -> name -> predictions of that group."""
    found: dict[str, dict[str, Levels]] = {"y0": _same_rows(problem, exact) | _zero_parts(problem, exact)}
    params = {name: value for name, value in problem.groups.items() if name != "y0"}
    for name, value in params.items():
        found[name] = _transposed(name, value.shape, exact)
        for other, candidate in params.items():
            if other != name and candidate.shape == value.shape:
                found[name][f"∂L/∂{other}"] = _exchanged(name, other, exact)
    return found


def ends_of_state(width: int) -> dict[str, slice]:
    """Return the first and the last components of a state of this width, by their names."""
    found = {}
    for count in range(1, min(width, MOST_COMPONENTS_AT_AN_END + 1)):
        several = "component" if count == 1 else f"{count} components"
        found[f"the first {several}"] = slice(None, count)
        found[f"the last {several}"] = slice(width - count, None)
    return found


def without(values: Float64, inside: slice) -> Float64:
    """Return values with zeros in a slice of the last axis."""
    found = values.copy()
    found[..., inside] = 0.0
    return found


def _zero_parts(problem: Problem, exact: Levels) -> dict[str, Levels]:
    """Return the gradients of y0 that are zero in the first or in the last components."""
    shape = problem.y0.shape

    def cut(inside: slice, gradients: Gradients) -> Gradients:
        rows = gradients["y0"]
        return {"y0": without(rows.reshape(len(rows), *shape), inside).reshape(rows.shape)}

    return {
        f"the exact one but for zeros in {words}": map_levels(functools.partial(cut, inside), exact)
        for words, inside in ends_of_state(shape[-1]).items()
    }


def _exchanged(name: str, other: str, exact: Levels) -> Levels:
    """Return the gradient of another group in place of that of a group."""
    return map_levels(lambda gradients: {name: gradients[other]}, exact)


def _same_rows(problem: Problem, exact: Levels) -> dict[str, Levels]:
    """Return the gradients of y0 if each member gets the mean, or the sum, over the batch."""
    batch = len(problem.y0)
    if batch == 1:
        return {}

    def summed(weight: float, gradients: Gradients) -> Gradients:
        rows = gradients["y0"].reshape(len(gradients["y0"]), batch, -1)
        same = np.broadcast_to(weight * rows.sum(axis=1, keepdims=True), rows.shape)
        return {"y0": same.reshape(len(rows), -1)}

    return {
        f"the {name} of its rows in every row": map_levels(functools.partial(summed, weight), exact)
        for name, weight in {"mean": 1.0 / batch, "sum": 1.0}.items()
    }


def _transposed(name: str, shape: tuple[int, ...], exact: Levels) -> dict[str, Levels]:
    """Return the gradient of a matrix with the entries in the order of its transpose."""
    if len(shape) != 2 or 1 in shape:
        return {}

    def transposed(gradients: Gradients) -> Gradients:
        rows: Float64 = gradients[name]
        return {name: np.swapaxes(rows.reshape(-1, *shape), -1, -2).reshape(rows.shape)}

    label = "its own transpose" if shape[0] == shape[1] else "its own transpose in the wrong shape"
    return {label: map_levels(transposed, exact)}
