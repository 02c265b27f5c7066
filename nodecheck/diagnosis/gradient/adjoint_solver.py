"""World: a problem's trajectory with the means to solve any adjoint equation along it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from nodecheck.diagnosis.gradient.collocation import (
    Mesh,
    Sweep,
    Tables,
    integrand,
    integrate,
    make_mesh,
    solve,
    tabulate,
)
from nodecheck.diagnosis.gradient.observation import Jacobians
from nodecheck.problems import Float64, Problem
from nodecheck.reference import ReferenceFailure
from nodecheck.reference.trajectory import integrate as integrate_state

# A hypothesis competes with a residual of 1e-8 at best, so its own solution needs two digits more.
_RTOL = 1e-11
# DOP853 at this tolerance steps as its order 8 asks; the collocation has order 10 and takes two at once.
_STEPS_PER_PANEL = 2
_FEWEST_PANELS = 6  # of a state that rests, on which DOP853 takes one step while the adjoint may still move

Path = Callable[[Float64], Float64]  # times (P, S) -> states (P, S, B, d)


@dataclasses.dataclass(frozen=True, eq=False)
class World:
    """A problem with its trajectory on [t0, t1], from which all hypotheses are computed."""

    problem: Problem
    knots: Float64
    path: Path

    @functools.cached_property
    def mesh(self) -> Mesh:
        """The mesh of [t0, t1]."""
        return make_mesh(self.knots)

    @functools.cached_property
    def tables(self) -> Tables:
        """Jacobians along the trajectory."""
        return tabulate(self.problem, self.mesh, self.mesh.nodes, self.path(self.mesh.nodes))

    @functools.cached_property
    def sweep(self) -> Sweep:
        """The right adjoint."""
        return solve(self.mesh, np.swapaxes(self.tables.state, -1, -2))

    def window(self, start: float, end: float) -> Mesh:
        """Return a mesh of [start, end], which may be shorter or longer than [t0, t1]."""
        first, last = sorted((start, end))
        inside = self.knots[(self.knots > first) & (self.knots < last)]
        return make_mesh(np.array([start, *inside, end]))


@functools.lru_cache(maxsize=8)
def make_world(problem: Problem) -> World:
    """Return the problem's trajectory and panels that resolve it."""
    knots, path = solve_path(problem)
    coarse = [*knots[:-1:_STEPS_PER_PANEL], problem.t1]
    if len(coarse) <= _FEWEST_PANELS:
        return World(problem, np.linspace(problem.t0, problem.t1, _FEWEST_PANELS + 1), path)
    return World(problem, np.array(coarse), path)


def right(world: World) -> Jacobians:
    """Return the exact gradient, by the solver of the wrong ones: the difference is its error."""
    return gradient(world, world.mesh, world.tables)


def gradient(world: World, mesh: Mesh, tables: Tables, matrix: Float64 | None = None) -> Jacobians:
    """Return the gradient of the adjoint a' = -M a with M = ``matrix``, by default J transposed."""
    sweep = solve(mesh, np.swapaxes(tables.state, -1, -2) if matrix is None else matrix)
    return integrate(world.problem, sweep.start, mesh, integrand(sweep, tables))


def solve_path(problem: Problem) -> tuple[Float64, Path]:
    """Return the solver's own steps, and the solution as a function of times of any shape."""

    def rhs(t: float, y: Float64) -> Any:
        return problem.vector_field(np.asarray(t), y, **problem.params)

    result = integrate_state(problem, rhs, problem.y0, rtol=_RTOL, atol=_RTOL, dense_output=True)

    def path(times: Float64) -> Float64:
        states: Float64 = np.moveaxis(result.sol(times.reshape(-1)), -1, 0)
        return states.reshape(*times.shape, *problem.y0.shape)

    return result.t, path


def attempt(compute: Callable[[], Jacobians]) -> Jacobians | None:
    """Return None for a wrong equation whose solution escapes: no layer could have returned it."""
    try:
        return compute()
    except ReferenceFailure:
        return None
