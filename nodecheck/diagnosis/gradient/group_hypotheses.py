"""Predictions of one group by itself: transposed, exchanged with another, or the same for all members."""

from __future__ import annotations

import functools

import numpy as np

from nodecheck.diagnosis.gradient.observation import Gradients, Levels, map_levels
from nodecheck.problems import Float64, Problem


def single_group_mistakes(problem: Problem, exact: Levels) -> dict[str, dict[str, Levels]]:
    """Return the mistakes that a group can have by itself: group -> name -> predictions of that group."""
    found: dict[str, dict[str, Levels]] = {"y0": _same_rows(problem, exact)}
    params = {name: value for name, value in problem.groups.items() if name != "y0"}
    for name, value in params.items():
        found[name] = _transposed(name, value.shape, exact)
        for other, candidate in params.items():
            if other != name and candidate.shape == value.shape:
                found[name][f"∂L/∂{other}"] = _exchanged(name, other, exact)
    return found


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
