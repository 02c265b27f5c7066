"""Mistakes of the size of one step: they vanish with h, so no order but the first reveals them."""

from __future__ import annotations

import functools

import numpy as np

from nodecheck.diagnosis.gradient.adjoint_solver import AdjointSolver, attempt, solve_path
from nodecheck.diagnosis.gradient.adjoints import wrong_clock
from nodecheck.diagnosis.gradient.collocation import end_values, integrand, split
from nodecheck.diagnosis.gradient.observation import Jacobians
from nodecheck.numerics.constants import CACHED_ADJOINT_SOLVERS
from nodecheck.reference import solution


@functools.lru_cache(maxsize=2 * CACHED_ADJOINT_SOLVERS)  # a problem is solved with two steps
def one_step_mistakes(solver: AdjointSolver, step: float) -> dict[str, Jacobians]:
    """Return the gradients of mistakes of the size of one step, by their names."""
    found: dict[str, Jacobians] = {}
    shifts = {"one step late": step, "one step early": -step}
    for name, shift in shifts.items():
        found |= wrong_clock(solver, name, functools.partial(np.add, shift))
    found |= _wrong_intervals(solver, step)
    # In the mean, stages lie half a step behind its beginning: the condition for order two.
    one_state = "as with one state for all stages of a step"
    halves = {
        f"half a step late, {one_state}": step / 2,
        f"half a step early, {one_state}": -step / 2,
    }
    for name, shift in (shifts | halves).items():
        found[f"an adjoint along states that are {name}"] = _shifted_states(solver, shift)
    return found | _one_sided_sums(solver, step) | _incomplete_integrals(solver, step)


def _wrong_intervals(solver: AdjointSolver, step: float) -> dict[str, Jacobians]:
    """Return the gradients if the backward pass begins or ends one step from where it should."""
    t0, t1 = solver.problem.t0, solver.problem.t1
    intervals = {
        "a backward pass without its last step": (t0 + step, t1),
        "a backward pass without its first step": (t0, t1 - step),
        "one backward step too many, beyond t0": (t0 - step, t1),
        "a layer that integrates one step beyond t1": (t0, t1 + step),
    }
    found = {
        name: attempt(functools.partial(_on_interval, solver, start, end))
        for name, (start, end) in intervals.items()
    }
    for name, end in {"t1 - h": t1 - step, "t1 + h": t1 + step}.items():
        found[f"a backward pass that starts at {name} and takes y1 for the state there"] = attempt(
            functools.partial(_from_displaced_end, solver, end)
        )
    return {name: each for name, each in found.items() if each is not None}


def _shifted_states(solver: AdjointSolver, shift: float) -> Jacobians:
    """Return the gradients if each Jacobian is that of the next step's state, or of the one before."""
    mesh = solver.mesh
    first, last = sorted((solver.problem.t0, solver.problem.t1))
    states = solver.path(np.clip(mesh.nodes + shift, first, last))
    return solver.gradient(solver.jacobians_on(mesh, states))


def _incomplete_integrals(solver: AdjointSolver, step: float) -> dict[str, Jacobians]:
    """Return the gradients if the right adjoint meets a parameter integral that is off by one step.

    A step that is left out is an integral over it; a value that is counted twice adds h times the integrand,
    as does a sum over the n + 1 points of a grid of n steps.
    """
    problem, exact = solver.problem, solver.right_gradient()
    t0, t1 = problem.t0, problem.t1
    (first, _), (last, _) = end_values(solver.mesh, integrand(solver.adjoint, solver.jacobians))
    over_last, without_first = (
        solver.gradient(solver.jacobians_on(mesh, solver.path(mesh.nodes)))
        for mesh in (solver.mesh_of(t1 - step, t1), solver.mesh_of(t0 + step, t1))
    )
    nothing = np.zeros_like(exact["y0"])
    at_t0, at_t1 = (split(problem, nothing, step * value) for value in (first, last))
    names = {
        "without the step at t1": {k: exact[k] - over_last[k] for k in exact},
        "without the step at t0": without_first,
        "that counts its value at t0 once too often": {k: exact[k] + at_t0[k] for k in exact},
        "that counts its value at t1 once too often": {k: exact[k] + at_t1[k] for k in exact},
    }
    return {
        f"a parameter integral {name}": {**table, "y0": exact["y0"]}
        for name, table in names.items()
        if problem.params
    }


def _one_sided_sums(solver: AdjointSolver, step: float) -> dict[str, Jacobians]:
    """Return the gradients if the parameter integral is a sum over one end of each step.

    Euler-Maclaurin: with I = aᵀ ∂f/∂θ, a sum over left ends errs by -h/2 [I] + h²/12 [I'], one over right
    ends by +h/2 [I] + h²/12 [I'], where [I] = I(t1) - I(t0).
    """
    values = integrand(solver.adjoint, solver.jacobians)
    (first, first_slope), (last, last_slope) = end_values(solver.mesh, values)
    curvature = step**2 / 12 * (last_slope - first_slope)
    exact, found = solver.right_gradient(), {}
    for name, sign in {"left": -1.0, "right": 1.0}.items():
        error = split(solver.problem, solver.adjoint.start, sign * step / 2 * (last - first) + curvature)
        found[f"a parameter integral summed over the {name} ends of the steps"] = {
            key: exact[key] + (0.0 if key == "y0" else error[key]) for key in exact
        }
    return found


def _on_interval(solver: AdjointSolver, start: float, end: float) -> Jacobians:
    """Return the gradient of an adjoint that runs over [start, end] with the cotangent given at ``end``."""
    problem, mesh = solver.problem, solver.mesh_of(start, end)
    states = solver.path(mesh.nodes)
    before = (mesh.nodes - problem.t0) / problem.duration < 0.0
    after = (mesh.nodes - problem.t1) / problem.duration > 0.0
    if before.any():
        states[before] = solve_path(problem.with_interval(problem.t0, start))[1](mesh.nodes[before])
    if after.any():
        beyond = problem.replace(y0=solution(problem), t0=problem.t1, t1=end)
        states[after] = solve_path(beyond.replace(exact_flow=None))[1](mesh.nodes[after])
    return solver.gradient(solver.jacobians_on(mesh, states))


def _from_displaced_end(solver: AdjointSolver, end: float) -> Jacobians:
    """Return the gradient of a backward pass over [t0, end] that starts from y1."""
    problem, mesh = solver.problem, solver.mesh_of(solver.problem.t0, end)
    back = problem.replace(y0=solution(problem), t0=end, t1=problem.t0, exact_flow=None)
    return solver.gradient(solver.jacobians_on(mesh, solve_path(back)[1](mesh.nodes)))
