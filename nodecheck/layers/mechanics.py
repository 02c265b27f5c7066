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
    constant,
    damped_pendulum,
    drift,
    harmonic,
    henon_heiles,
    is_drift,
    is_quadrature,
    is_wide,
    kepler,
    lotka_volterra,
    pendulum,
    rotation,
    spiral,
    van_der_pol,
    with_force,
    without_force,
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
    layer of separable equations.  Where the field depends on time alone it is the problem itself, too: a half
    of the state solves it (`posed`).
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


def counterparts(supports: Collection[str], problem: Problem) -> tuple[Problem, ...]:
    """Return all problems that a layer is asked for in place of a problem of a check.

    A constant field is both: the force of a motion, whose velocities solve it, and the velocity of one
    without force, whose positions do.
    """
    if SECOND_ORDER in supports and problem == constant:
        return constant, drift
    return (counterpart(supports, problem),)


def posed(problem: Problem) -> Problem:
    """Return the motion whose velocities, or positions, solve a problem with a field of time alone.

    Velocities solve y' = f(t) if that is the force; positions solve y' = c if that is the velocity, and there
    is no force.

    Raises
    ------
    ValueError
        If the field depends on the state: what is asked of a layer of second order then is a counterpart.
    """
    if not is_quadrature(problem):
        message = f"expected a problem of second order, or a field of time alone, got {problem.name!r}"
        raise ValueError(message)
    if not is_drift(problem):
        y0 = np.concatenate([problem.y0, problem.y0], axis=-1)
        return with_force(problem.replace(y0=y0), separable=True)
    velocities = np.broadcast_to(problem.params["c"], problem.y0.shape)
    return without_force(problem.replace(y0=np.concatenate([problem.y0, velocities], axis=-1)))


def solve_as_motion(solve: Solve, cotangents: Sequence[Array]) -> tuple[Solve, tuple[Array, ...]]:
    """Return the solve of a motion, and cotangents that are zero for the half that is not asked for."""
    others = tuple(map(posed, solve.variation.others))
    asked = replace(solve, problem=posed(solve.problem), variation=replace(solve.variation, others=others))
    positions = is_drift(solve.problem)

    def widened(cotangent: Array) -> Array:
        both = (cotangent, np.zeros_like(cotangent))
        return np.concatenate(both if positions else both[::-1], axis=-1)

    return asked, tuple(map(widened, cotangents))


def half_of(solution: Solution, problem: Problem) -> Solution:
    """Return the half of the solution of a motion that solves a problem, with its gradients."""
    positions = is_drift(problem)

    def cut(values: Array) -> Array:
        first, second = np.split(values, 2, axis=-1)
        return first if positions else second

    def gradients(pullback: Pullback) -> Pullback:
        found = dict(pullback.gradients)
        y0 = found.get("y0")
        if y0 is None:
            return pullback
        found["y0"] = cut(y0)
        if positions and "c" in found:  # c is the velocity of every member
            found["c"] = np.split(y0, 2, axis=-1)[1].sum(axis=0)
        return replace(pullback, gradients=found)

    quiet = solution.without_graph
    return replace(
        solution,
        y1=cut(solution.y1),
        pullbacks=tuple(map(gradients, solution.pullbacks)),
        without_graph=None if quiet is None else cut(quiet),
        others=tuple(half_of(other, problem) for other in solution.others),
    )
