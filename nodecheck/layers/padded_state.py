"""Problems for layers that need a wider state, or an even number of components: some more, which rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from array_api_compat import array_namespace

from nodecheck.layers.claims import Claims
from nodecheck.layers.layer import EVEN, PAIR
from nodecheck.layers.pair import LEAST_WIDTH
from nodecheck.layers.solution import Array, Pullback, Solution
from nodecheck.layers.solve import Solve
from nodecheck.problems import Problem
from nodecheck.problems.problem import Array as AnyArray


@dataclass(frozen=True)
class _WithMore:
    """A vector field with further components, which rest; by value, so that problems compare."""

    field: Callable[..., AnyArray]
    count: int

    def __call__(self, t: AnyArray, y: AnyArray, /, **params: AnyArray) -> AnyArray:
        """Return f of all components but the last ones, and zeros for those."""
        xp = array_namespace(y)
        value = self.field(t, y[..., : -self.count], **params)
        return xp.concat([value, xp.zeros_like(y[..., -self.count :])], axis=-1)


def is_odd(problem: Problem) -> bool:
    """Return True if the state of a problem has an odd number of components."""
    return bool(problem.y0.shape[-1] % 2)


def lacking(claims: Claims, problem: Problem) -> int:
    """Return the number of components that the state of a problem lacks for a layer with these claims."""
    width = int(problem.y0.shape[-1])
    needed = max(width, LEAST_WIDTH) if claims.output == PAIR else width
    if EVEN in claims.supports:
        needed += needed % 2
    return needed - width


def padded(problem: Problem, count: int = 1) -> Problem:
    """Return the problem with `count` more components, which are zero and rest."""
    if not count:
        return problem
    field = _WithMore(problem.vector_field, count)
    return problem.replace(vector_field=field, y0=_with_zeros(problem.y0, count))


def made_even(problem: Problem) -> Problem:
    """Return the problem with one more component, which is zero and rests, if their number is odd."""
    return padded(problem, int(is_odd(problem)))


def solve_padded(solve: Solve, cotangents: Sequence[Array], count: int) -> tuple[Solve, tuple[Array, ...]]:
    """Return a solve of problems with `count` more components, and cotangents of their shape."""
    others = tuple(padded(other, count) for other in solve.variation.others)
    asked = replace(
        solve, problem=padded(solve.problem, count), variation=replace(solve.variation, others=others)
    )
    if not solve.log_det:
        return asked, tuple(_with_zeros(c, count) for c in cotangents)
    return asked, tuple(_beside_last(c, lambda y: _with_zeros(y, count)) for c in cotangents)


def without_padding(solution: Solution, count: int, *, log_det: bool = False) -> Solution:
    """Return the solution of a problem without the `count` components that were added.

    With `log_det` the last component of y1 is the log-determinant, and those that were added stand before.
    """

    def cut(values: Array) -> Array:
        return values[..., :-count]

    quiet = solution.without_graph
    return replace(
        solution,
        y1=_beside_last(solution.y1, cut) if log_det else cut(solution.y1),
        pullbacks=tuple(Pullback(_gradients(one, cut), one.calls) for one in solution.pullbacks),
        without_graph=None if quiet is None else cut(quiet),
        others=tuple(without_padding(other, count) for other in solution.others),
    )


def _gradients(pullback: Pullback, cut: Callable[[Array], Array]) -> dict[str, Array | None]:
    found = dict(pullback.gradients)
    y0 = found.get("y0")
    return found if y0 is None else {**found, "y0": cut(y0)}


def _beside_last(values: Array, change: Callable[[Array], Array]) -> Array:
    """Return values with all components but the last one changed."""
    return np.concatenate([change(values[..., :-1]), values[..., -1:]], axis=-1)


def _with_zeros(values: Array, count: int) -> Array:
    return np.concatenate([values, np.zeros((*values.shape[:-1], count))], axis=-1)
