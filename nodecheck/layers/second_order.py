"""Problems for layers of second order: each problem of first order has a counterpart q'' = a(t, q, v)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from nodecheck.layers.layer import SECOND_ORDER, SEPARABLE
from nodecheck.layers.solution import Array, Pullback, Solution
from nodecheck.layers.solve import Solve
from nodecheck.problems import (
    Problem,
    as_force,
    charged,
    circling,
    damped_pendulum,
    harmonic,
    henon_heiles,
    is_quadrature,
    is_wide,
    kepler,
    lotka_volterra,
    pendulum,
    rotation,
    spiral,
    van_der_pol,
    with_force,
)

_OSCILLATOR = van_der_pol(1.0)
# Problems from mechanics in place of others: with velocities in the force, and without.
_FROM_MECHANICS = (
    (spiral, damped_pendulum, pendulum),
    (lotka_volterra, charged, henon_heiles),
    (_OSCILLATOR, _OSCILLATOR, kepler),
    (rotation, harmonic, harmonic),
)


def counterpart(supports: Collection[str], problem: Problem) -> Problem:
    """Return the problem that a layer with these capabilities is asked for in place of a problem.

    Of a layer of first order that is the problem itself.  Of one of second order it is an equation from
    mechanics, or one whose force is the field of the problem: a(t, q, v) = f(t, q + v/2), or f(t, q) for a
    layer of separable equations.  Where the field depends on time alone it is the problem itself, too: the
    velocities solve it (`solve_for_velocities`).
    """
    if SECOND_ORDER not in supports or is_quadrature(problem):
        return problem
    separable = SEPARABLE in supports
    if is_wide(problem):
        return circling(problem)
    for original, *others in _FROM_MECHANICS:
        if problem.vector_field == original.vector_field and np.array_equal(problem.y0, original.y0):
            return _posed_as(problem, original, others[separable])
    if problem.second_order:
        return problem
    found = as_force(problem, separable=separable)
    return found.replace(on_card=problem.on_card, in_pictures=problem.in_pictures)


def _posed_as(problem: Problem, original: Problem, other: Problem) -> Problem:
    """Return another problem with the times of a problem, which differs from its original in these alone."""
    if other is original:
        return problem
    return other.replace(
        name=f"{other.name}{problem.name.removeprefix(original.name)}",
        t0=problem.t0,
        t1=problem.t1,
        ts=problem.ts,
        on_card=problem.on_card,
        in_pictures=problem.in_pictures,
    )


def for_velocities(problem: Problem) -> Problem:
    """Return v' = f(t) with q' = v in place of y' = f(t): the velocities are its solution.

    Raises
    ------
    ValueError
        If the field depends on the state: what is asked of a layer of second order then is a counterpart.
    """
    if not is_quadrature(problem):
        message = f"expected a problem of second order, or a field of time alone, got {problem.name!r}"
        raise ValueError(message)
    y0 = np.concatenate([problem.y0, problem.y0], axis=-1)
    return with_force(problem.replace(y0=y0), separable=True)


def solve_for_velocities(solve: Solve, cotangents: Sequence[Array]) -> tuple[Solve, tuple[Array, ...]]:
    """Return a solve of which the velocities are asked for, and cotangents that are zero for positions."""
    others = tuple(map(for_velocities, solve.variation.others))
    asked = replace(
        solve, problem=for_velocities(solve.problem), variation=replace(solve.variation, others=others)
    )
    return asked, tuple(np.concatenate([np.zeros_like(c), c], axis=-1) for c in cotangents)


def velocities_of(solution: Solution) -> Solution:
    """Return the part of a solution that belongs to the velocities."""

    def cut(values: Array) -> Array:
        return values[..., values.shape[-1] // 2 :]

    def of(pullback: Pullback) -> Pullback:
        y0 = pullback.gradients.get("y0")
        return pullback if y0 is None else replace(pullback, gradients={**pullback.gradients, "y0": cut(y0)})

    quiet = solution.without_graph
    return replace(
        solution,
        y1=cut(solution.y1),
        pullbacks=tuple(map(of, solution.pullbacks)),
        without_graph=None if quiet is None else cut(quiet),
        others=tuple(map(velocities_of, solution.others)),
    )
