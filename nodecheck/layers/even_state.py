"""Problems for layers that need an even number of components: one more, at rest, where the number is odd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from array_api_compat import array_namespace

from nodecheck.layers.solution import Array, Pullback, Solution
from nodecheck.layers.solve import Solve
from nodecheck.problems import Problem
from nodecheck.problems.problem import Array as AnyArray


@dataclass(frozen=True)
class _WithOneMore:
    """A vector field with one more component, which rests; by value, so that problems compare."""

    field: Callable[..., AnyArray]

    def __call__(self, t: AnyArray, y: AnyArray, /, **params: AnyArray) -> AnyArray:
        """Return f of all components but the last one, and zero for that."""
        xp = array_namespace(y)
        value = self.field(t, y[..., :-1], **params)
        return xp.concat([value, xp.zeros_like(y[..., -1:])], axis=-1)


def is_odd(problem: Problem) -> bool:
    """Return True if the state of a problem has an odd number of components."""
    return bool(problem.y0.shape[-1] % 2)


def made_even(problem: Problem) -> Problem:
    """Return the problem with one more component, which is zero and rests, if their number is odd."""
    if not is_odd(problem):
        return problem
    return problem.replace(vector_field=_WithOneMore(problem.vector_field), y0=_with_zero(problem.y0))


def solve_made_even(solve: Solve, cotangents: Sequence[Array]) -> tuple[Solve, tuple[Array, ...]]:
    """Return a solve of problems that are made even, and cotangents of their shape."""
    others = tuple(map(made_even, solve.variation.others))
    asked = replace(
        solve, problem=made_even(solve.problem), variation=replace(solve.variation, others=others)
    )
    if not solve.log_det:
        return asked, tuple(map(_with_zero, cotangents))
    return asked, tuple(_beside_last(c, _with_zero) for c in cotangents)


def without_last(solution: Solution, *, log_det: bool = False) -> Solution:
    """Return the solution of a problem that was made even, without the component that was added.

    With `log_det` the last component of y1 is the log-determinant, and the one that was added stands before.
    """
    pullbacks = tuple(Pullback(_gradients(one), one.calls) for one in solution.pullbacks)
    quiet = solution.without_graph
    return replace(
        solution,
        y1=_beside_last(solution.y1, _without_last) if log_det else _without_last(solution.y1),
        pullbacks=pullbacks,
        without_graph=None if quiet is None else quiet[..., :-1],
        others=tuple(map(without_last, solution.others)),
    )


def _gradients(pullback: Pullback) -> dict[str, Array | None]:
    found = dict(pullback.gradients)
    y0 = found.get("y0")
    return found if y0 is None else {**found, "y0": y0[..., :-1]}


def _beside_last(values: Array, change: Callable[[Array], Array]) -> Array:
    """Return values with all components but the last one changed."""
    return np.concatenate([change(values[..., :-1]), values[..., -1:]], axis=-1)


def _without_last(values: Array) -> Array:
    return values[..., :-1]


def _with_zero(values: Array) -> Array:
    return np.concatenate([values, np.zeros_like(values[..., -1:])], axis=-1)
