"""Wrong adjoint equations, each solved accurately: the limits of layers with such a mistake."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from nodecheck.diagnosis.gradient.adjoint_solver import AdjointSolver, Path, attempt, solve_path
from nodecheck.diagnosis.gradient.collocation import AdjointSolution, FieldJacobians, integrand, integrate
from nodecheck.diagnosis.gradient.halves import wrong_halves
from nodecheck.diagnosis.gradient.observation import Jacobians
from nodecheck.numerics.constants import CACHED_ADJOINT_SOLVERS
from nodecheck.problems import Float64, Problem
from nodecheck.reference import solution

NOT_PROPAGATED = "an adjoint that is not propagated"


@functools.lru_cache(maxsize=CACHED_ADJOINT_SOLVERS)
def wrong_adjoints(solver: AdjointSolver) -> dict[str, Jacobians]:
    """Return the gradients of mistakes that do not depend on the step, by their names.

    Kept, as those of `one_step_mistakes` are: many layers fail on the same problem.
    """
    state = solver.jacobians.state
    found = {
        "an adjoint driven by J instead of Jᵀ": solver.gradient(solver.jacobians, state),
        "an adjoint equation with the wrong sign": solver.gradient(
            solver.jacobians, -np.swapaxes(state, -1, -2)
        ),
        **_frozen_adjoints(solver),
    }
    for name, clock in _clocks(solver.problem).items():
        found |= wrong_clock(solver, name, clock)
    return found | wrong_halves(solver) | _wrong_states(solver) | _mixed_members(solver)


def _frozen_adjoints(solver: AdjointSolver) -> dict[str, Jacobians]:
    """Return the gradients if a(t) is a(t1), or a(t0), in one place or in all."""
    problem, mesh, adjoint = solver.problem, solver.mesh, solver.adjoint
    identity = np.broadcast_to(np.eye(problem.y0.shape[1]), adjoint.start.shape)
    at_t1 = AdjointSolution(np.broadcast_to(identity, adjoint.nodes.shape), identity)
    at_t0 = AdjointSolution(np.broadcast_to(adjoint.start, adjoint.nodes.shape), adjoint.start)
    integrands = {name: integrand(each, solver.jacobians) for name, each in (("t1", at_t1), ("t0", at_t0))}
    return {
        NOT_PROPAGATED: integrate(problem, identity, mesh, integrands["t1"]),
        "the cotangent itself, as if the adjoint were not propagated to t0": {
            **solver.right_gradient(),
            "y0": np.array(identity),
        },
        **{
            f"a parameter integral with a({name}) in place of a(t)": integrate(
                problem, adjoint.start, mesh, values
            )
            for name, values in integrands.items()
        },
    }


def _mixed_members(solver: AdjointSolver) -> dict[str, Jacobians]:
    """Return the gradients if the adjoint of one batch member meets the field of another in the integral."""
    problem, mesh, jacobians = solver.problem, solver.mesh, solver.jacobians
    found = {}
    for k in range(1, len(problem.y0) if problem.params else 1):
        others = FieldJacobians(mesh, jacobians.state, np.roll(jacobians.params, -k, axis=2))
        found[f"a parameter integral with the adjoint of the batch member {k} before"] = integrate(
            problem, solver.adjoint.start, mesh, integrand(solver.adjoint, others)
        )
    return found


def _clocks(problem: Problem) -> dict[str, Callable[[Float64], Any]]:
    """Return wrong times of a backward pass as functions of the right ones."""
    t0, t1 = problem.t0, problem.t1
    clocks: dict[str, Callable[[Float64], Any]] = {
        "frozen at t0": lambda t: np.full_like(t, t0),
        "frozen at t1": lambda t: np.full_like(t, t1),
        "reversed": lambda t: t0 + t1 - t,
    }
    if t0 != 0.0:  # else the first is right, and the second "reversed"
        clocks["counted from t0, t - t0"] = lambda t: t - t0
        clocks["counted back from t1, t1 - t"] = lambda t: t1 - t
    return clocks


def with_scaled_jacobian(solver: AdjointSolver, factor: float) -> Jacobians:
    """Return the gradients of an adjoint that is driven by ``factor`` times Jᵀ."""
    return solver.gradient(solver.jacobians, factor * np.swapaxes(solver.jacobians.state, -1, -2))


def with_scaled_field(solver: AdjointSolver, factor: float) -> Jacobians:
    """Return the gradients of an adjoint for which both Jacobians of the field are multiplied."""
    found = with_scaled_jacobian(solver, factor)
    return {name: table if name == "y0" else factor * table for name, table in found.items()}


def _wrong_states(solver: AdjointSolver) -> dict[str, Jacobians]:
    """Return the gradients if the Jacobian is evaluated at wrong states."""
    problem, nodes = solver.problem, solver.mesh.nodes

    def negative(t: Any, y: Any, /, **params: Any) -> Any:
        return -problem.vector_field(t, y, **params)

    def frozen(state: Float64) -> Path:
        return lambda times: np.broadcast_to(state, (*times.shape, *state.shape))

    def along(path: Callable[[], Path]) -> Jacobians:
        return solver.gradient(solver.jacobians_on(solver.mesh, path()(nodes)))

    paths: dict[str, Callable[[], Path]] = {
        "a state frozen at y1": lambda: frozen(solution(problem)),
        "a state frozen at y0": lambda: frozen(problem.y0),
        "a state that runs in the wrong direction": lambda: backward_path(problem, negative),
    }
    found = {
        f"{name} during the backward pass": attempt(functools.partial(along, path))
        for name, path in paths.items()
    }
    return {key: value for key, value in found.items() if value is not None}


def wrong_clock(solver: AdjointSolver, name: str, clock: Callable[[Float64], Any]) -> dict[str, Jacobians]:
    """Return the gradients if the backward pass reads ``clock(t)``: in the vjp, and in the state too."""
    problem, nodes = solver.problem, solver.mesh.nodes

    def field(t: Any, y: Any, /, **params: Any) -> Any:
        return problem.vector_field(np.asarray(clock(t)), y, **params)

    def along(path: Path) -> Jacobians:
        return solver.gradient(solver.jacobians_on(solver.mesh, path(nodes), clock(nodes)))

    found = {
        f"an adjoint whose time is {name}": attempt(lambda: along(solver.path)),
        f"an adjoint and reconstructed state whose time is {name}": attempt(
            lambda: along(backward_path(problem, field))
        ),
    }
    return {key: value for key, value in found.items() if value is not None}


def backward_path(problem: Problem, field: Callable[..., Any]) -> Path:
    """Return the state that a field, right or wrong, reconstructs from y1 backward in time."""
    back = problem.replace(vector_field=field, y0=solution(problem), t0=problem.t1, t1=problem.t0)
    return solve_path(back)[1]
