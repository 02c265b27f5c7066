"""Gradients that a layer returned on one problem at one resolution, for several cotangents."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from nodecheck.problems import Array, Float64, Problem
from nodecheck.reference import sensitivity

Gradients = dict[str, Float64]  # group -> (K, size): one row per cotangent, the group flattened
Jacobians = dict[str, Float64]  # group -> (B, d, size): derivative of each component of y1
Levels = tuple[Gradients, Gradients | None]  # at the fine and, if there is one, at the coarse resolution


@dataclasses.dataclass(frozen=True, eq=False)
class Observation:
    """Gradients that a layer returned for K cotangents.

    K of three or more is advised: a fitted factor explains one number by itself, so one cotangent cannot
    tell a scaled scalar gradient from a wrong one.

    Attributes
    ----------
    problem
        Problem that was solved.
    cotangents
        K arrays of shape (B, d).
    gradients
        One mapping per cotangent, group -> gradient; None where no gradient arrived.
    n_steps
        Number of steps; None for an adaptive layer, whose step is not known.
    again
        Pullback of the layer itself, for experiments with other cotangents; None if there is none.
    evaluates
        True if the backward pass evaluates the field; backpropagation through recorded steps does not.
    tolerance
        Tolerance that an adaptive layer was given, if known.
    rounding
        Relative error that rounding leaves in this layer, measured where every method is exact; 0 if that is
        not known.
    dtype
        The dtype in which the layer runs.
    """

    problem: Problem
    cotangents: tuple[Array, ...]
    gradients: tuple[Mapping[str, Array | None], ...]
    n_steps: int | None
    again: Callable[[Array], Mapping[str, Array | None]] | None = None
    evaluates: bool = True
    tolerance: float | None = None
    rounding: float = 0.0
    dtype: str = "float64"

    def __post_init__(self) -> None:
        if not self.cotangents or len(self.cotangents) != len(self.gradients):
            msg = (
                f"expected one gradient mapping per cotangent, got {len(self.cotangents)} cotangents "
                f"and {len(self.gradients)} mappings"
            )
            raise ValueError(msg)

    @property
    def step(self) -> float | None:
        """Signed step (t1 - t0) / n_steps; None for an adaptive layer."""
        return None if self.n_steps is None else self.problem.duration / self.n_steps

    def missing(self) -> tuple[str, ...]:
        """Return the groups for which no gradient arrived, for at least one cotangent."""
        return tuple(name for name in self.problem.groups if any(g.get(name) is None for g in self.gradients))

    def stacked(self) -> Gradients:
        """Return the gradients that arrived, one row per cotangent."""
        absent, n = self.missing(), len(self.gradients)
        return {
            name: np.array([np.asarray(g[name], dtype=np.float64) for g in self.gradients]).reshape(n, -1)
            for name in self.problem.groups
            if name not in absent
        }

    def rows(self) -> Float64:
        """Return the cotangents as one array of shape (K, B, d)."""
        return np.array([np.asarray(v, dtype=np.float64) for v in self.cotangents])


def exact_jacobians(problem: Problem) -> Jacobians:
    """Return the derivatives of y1 with respect to every group, from the reference."""
    exact = sensitivity(problem).jacobians
    return {name: table.reshape(*problem.y0.shape, -1) for name, table in exact.items()}


def pull_back(jacobians: Jacobians, cotangents: Float64) -> Gradients:
    """Return the gradients for cotangents (K, B, d): parameters sum over the batch, y0 does not."""
    members = {name: np.einsum("kbi,bix->kbx", cotangents, table) for name, table in jacobians.items()}
    return {
        name: each.reshape(len(each), -1) if name == "y0" else each.sum(axis=1)
        for name, each in members.items()
    }


def pull_back_levels(jacobians: Jacobians, fine: Observation, coarse: Observation | None) -> Levels:
    """Return the gradients for the cotangents of two observations; the Jacobians are the same for both."""
    return pull_back(jacobians, fine.rows()), None if coarse is None else pull_back(jacobians, coarse.rows())


def zeros_like(gradients: Gradients) -> Gradients:
    """Return gradients of zero."""
    return {name: np.zeros_like(rows) for name, rows in gradients.items()}


def map_levels(change: Callable[[Gradients], Gradients], levels: Levels) -> Levels:
    """Return both levels after the same change."""
    fine, coarse = levels
    return change(fine), None if coarse is None else change(coarse)
