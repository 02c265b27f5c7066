"""Problems of (y, l) put to a layer that returns the log-determinant l beside the state y."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nodecheck.layers.solution import Array, Pullback, Solution
from nodecheck.layers.solve import Solve
from nodecheck.problems import Problem, without_log_det


def solve_with_log_det(solve: Solve, seed: int) -> Solve:
    """Return the solve of y alone, from which l is asked, too; noise comes from the seed."""
    seeded = seed if solve.seed is None else solve.seed
    return replace(solve, problem=without_log_det(solve.problem), log_det=True, seed=seeded)


def joined(solution: Solution, problem: Problem, cotangents: Sequence[Array]) -> Solution:
    """Return the solution of the problem of (y, l), whose l starts where the problem says.

    The layer starts l at zero.  Another start is added to every l, so that the gradient with respect to it is
    the cotangent of l, summed over output times.
    """
    start = np.zeros_like(problem.y0)
    start[:, -1] = problem.y0[:, -1]
    pairs = zip(solution.pullbacks, cotangents, strict=False)
    pullbacks = tuple(_with_start(pullback, cotangent) for pullback, cotangent in pairs)
    return replace(solution, y1=solution.y1 + start.astype(solution.y1.dtype), pullbacks=pullbacks)


def _with_start(pullback: Pullback, cotangent: Array) -> Pullback:
    gradients = dict(pullback.gradients)
    y0 = gradients.get("y0")
    if y0 is None:
        return pullback
    of_start = cotangent[..., -1].reshape(-1, len(y0)).sum(axis=0)
    return replace(pullback, gradients={**gradients, "y0": np.concatenate([y0, of_start[:, None]], axis=1)})
