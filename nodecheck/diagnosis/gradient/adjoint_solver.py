"""Solver of any adjoint equation, right or wrong, along the trajectory of a problem."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from nodecheck.diagnosis.gradient.collocation import (
    AdjointSolution,
    FieldJacobians,
    Mesh,
    field_jacobians,
    integrand,
    integrate,
    make_mesh,
    solve,
)
from nodecheck.diagnosis.gradient.observation import Jacobians
from nodecheck.numerics.constants import (
    CACHED_ADJOINT_SOLVERS,
    FEWEST_PANELS,
    STEPS_PER_PANEL,
    TRAJECTORY_RTOL,
)
from nodecheck.problems import Float64, Problem
from nodecheck.reference import ReferenceFailure
from nodecheck.reference.integration import integrate as integrate_state

Path = Callable[[Float64], Float64]  # times (P, S) -> states (P, S, B, d)


@dataclasses.dataclass(frozen=True, eq=False)
class AdjointSolver:
    """A problem with its trajectory on [t0, t1] and the panels that resolve it.

    Attributes
    ----------
    problem
        Problem whose gradient is computed.
    knots
        Ends of the panels, from t0 to t1.
    path
        The state as a function of time.
    """

    problem: Problem
    knots: Float64
    path: Path

    @functools.cached_property
    def mesh(self) -> Mesh:
        """Collocation nodes on [t0, t1]."""
        return make_mesh(self.knots)

    @functools.cached_property
    def jacobians(self) -> FieldJacobians:
        """Jacobians of the field along the trajectory."""
        return self.jacobians_on(self.mesh, self.path(self.mesh.nodes))

    @functools.cached_property
    def adjoint(self) -> AdjointSolution:
        """Solution of the right adjoint equation, M = Jᵀ."""
        return solve(self.mesh, np.swapaxes(self.jacobians.state, -1, -2))

    def jacobians_on(self, mesh: Mesh, states: Float64, times: Float64 | None = None) -> FieldJacobians:
        """Return the Jacobians of the field at the states, at the nodes of a mesh or at other times."""
        return field_jacobians(self.problem, mesh, mesh.nodes if times is None else times, states)

    def mesh_of(self, start: float, end: float) -> Mesh:
        """Return a mesh of [start, end], which may be shorter or longer than [t0, t1]."""
        first, last = sorted((start, end))
        inside = self.knots[(self.knots > first) & (self.knots < last)]
        return make_mesh(np.array([start, *inside, end]))

    def gradient(self, jacobians: FieldJacobians, matrix: Float64 | None = None) -> Jacobians:
        """Return the gradient of the adjoint a' = -M a with M = ``matrix``, by default J transposed."""
        mesh = jacobians.mesh
        adjoint = solve(mesh, np.swapaxes(jacobians.state, -1, -2) if matrix is None else matrix)
        return integrate(self.problem, adjoint.start, mesh, integrand(adjoint, jacobians))

    def right_gradient(self) -> Jacobians:
        """Return the gradient of the right adjoint: it differs from the reference by this solver's error."""
        return self.gradient(self.jacobians)


@functools.lru_cache(maxsize=CACHED_ADJOINT_SOLVERS)
def make_adjoint_solver(problem: Problem) -> AdjointSolver:
    """Return the solver for a problem, with panels that resolve its trajectory."""
    knots, path = solve_path(problem)
    coarse = [*knots[:-1:STEPS_PER_PANEL], problem.t1]
    if len(coarse) <= FEWEST_PANELS:
        return AdjointSolver(problem, np.linspace(problem.t0, problem.t1, FEWEST_PANELS + 1), path)
    return AdjointSolver(problem, np.array(coarse), path)


def solve_path(problem: Problem) -> tuple[Float64, Path]:
    """Return the solver's own steps, and the solution as a function of times of any shape."""

    def rhs(t: float, y: Float64) -> Any:
        return problem.vector_field(np.asarray(t), y, **problem.params)

    tolerances = {"rtol": TRAJECTORY_RTOL, "atol": TRAJECTORY_RTOL}
    result = integrate_state(problem, rhs, problem.y0, dense_output=True, **tolerances)

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
