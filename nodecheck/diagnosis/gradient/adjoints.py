"""Wrong adjoint equations, each solved accurately: what a layer with that mistake converges to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from nodecheck.diagnosis.gradient.adjoint_solver import Path, World, attempt, gradient, right, solve_path
from nodecheck.diagnosis.gradient.collocation import Sweep, Tables, integrand, integrate, tabulate
from nodecheck.diagnosis.gradient.observation import Jacobians
from nodecheck.problems import Float64, Problem
from nodecheck.reference import solution

NOT_PROPAGATED = "an adjoint that is not propagated"


@functools.lru_cache(maxsize=8)
def steady(world: World) -> dict[str, Jacobians]:
    """Return the gradients of mistakes that do not depend on the step, by their names.

    Kept, as those of `stepwise` are: many layers fail on the same problem.
    """
    problem, tables, sweep, mesh = world.problem, world.tables, world.sweep, world.mesh
    identity = np.broadcast_to(np.eye(problem.y0.shape[1]), sweep.start.shape)
    constant = Sweep(np.broadcast_to(np.eye(problem.y0.shape[1]), sweep.nodes.shape), identity)
    at_start = Sweep(np.broadcast_to(sweep.start, sweep.nodes.shape), sweep.start)
    at_end = integrate(problem, sweep.start, mesh, integrand(constant, tables))
    found = {
        "an adjoint driven by J instead of Jᵀ": gradient(world, mesh, tables, tables.state),
        "an adjoint equation with the wrong sign": gradient(
            world, mesh, tables, -np.swapaxes(tables.state, -1, -2)
        ),
        NOT_PROPAGATED: integrate(problem, identity, mesh, integrand(constant, tables)),
        "the cotangent itself, as if the adjoint were not propagated to t0": {
            **right(world),
            "y0": np.array(identity),
        },
        "a parameter integral with a(t1) in place of a(t)": at_end,
        "a parameter integral with a(t0) in place of a(t)": integrate(
            problem, sweep.start, mesh, integrand(at_start, tables)
        ),
    }
    for name, clock in _clocks(problem).items():
        found |= wrong_clock(world, name, clock)
    return found | _wrong_state(world) | _mixed_members(world)


def _mixed_members(world: World) -> dict[str, Jacobians]:
    """Return the gradients if the adjoint of one batch member meets the field of another in the integral."""
    problem, sweep = world.problem, world.sweep
    found = {}
    for k in range(1, len(problem.y0) if problem.params else 1):
        others = Tables(world.mesh, world.tables.state, np.roll(world.tables.params, -k, axis=2))
        found[f"a parameter integral with the adjoint of the batch member {k} before"] = integrate(
            problem, sweep.start, world.mesh, integrand(sweep, others)
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


def with_scaled_jacobian(world: World, factor: float) -> Jacobians:
    """Return the gradients of an adjoint that is driven by ``factor`` times Jᵀ."""
    return gradient(world, world.mesh, world.tables, factor * np.swapaxes(world.tables.state, -1, -2))


def with_scaled_field(world: World, factor: float) -> Jacobians:
    """Return the gradients of an adjoint for which both Jacobians of the field are multiplied."""
    found = with_scaled_jacobian(world, factor)
    return {name: table if name == "y0" else factor * table for name, table in found.items()}


def _wrong_state(world: World) -> dict[str, Jacobians]:
    """Return the gradients if the Jacobian is evaluated at wrong states."""
    problem, mesh = world.problem, world.mesh
    y1 = solution(problem)

    def away(t: Any, y: Any, /, **params: Any) -> Any:
        return -problem.vector_field(t, y, **params)

    def at(path: Path) -> Jacobians:
        return gradient(world, mesh, tabulate(problem, mesh, mesh.nodes, path(mesh.nodes)))

    def frozen(state: Float64) -> Path:
        return lambda times: np.broadcast_to(state, (*times.shape, *state.shape))

    found = {
        "a state frozen at y1 during the backward pass": attempt(lambda: at(frozen(y1))),
        "a state frozen at y0 during the backward pass": attempt(lambda: at(frozen(problem.y0))),
        "a state that runs in the wrong direction during the backward pass": attempt(
            lambda: at(backward_path(problem, away))
        ),
    }
    return {key: value for key, value in found.items() if value is not None}


def wrong_clock(world: World, name: str, clock: Callable[[Float64], Any]) -> dict[str, Jacobians]:
    """Return the gradients if the backward pass reads ``clock(t)``: in the vjp, and in the state too."""
    problem, mesh = world.problem, world.mesh
    times = clock(mesh.nodes)
    stored = attempt(lambda: gradient(world, mesh, tabulate(problem, mesh, times, world.path(mesh.nodes))))

    def rebuilt() -> Jacobians:
        def field(t: Any, y: Any, /, **params: Any) -> Any:
            return problem.vector_field(np.asarray(clock(t)), y, **params)

        path = backward_path(problem, field)
        return gradient(world, mesh, tabulate(problem, mesh, times, path(mesh.nodes)))

    found = {
        f"an adjoint whose time is {name}": stored,
        f"an adjoint and reconstructed state whose time is {name}": attempt(rebuilt),
    }
    return {key: value for key, value in found.items() if value is not None}


def backward_path(problem: Problem, field: Callable[..., Any]) -> Path:
    """Return the state that a field, right or wrong, reconstructs from y1 backward in time."""
    back = problem.replace(vector_field=field, y0=solution(problem), t0=problem.t1, t1=problem.t0)
    return solve_path(back)[1]
