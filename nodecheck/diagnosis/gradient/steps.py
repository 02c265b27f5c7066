"""Mistakes of the size of one step: they vanish with h, so no order but the first reveals them."""

from __future__ import annotations

import functools

import numpy as np

from nodecheck.diagnosis.gradient.adjoint_solver import World, attempt, gradient, right, solve_path
from nodecheck.diagnosis.gradient.adjoints import wrong_clock
from nodecheck.diagnosis.gradient.collocation import end_values, integrand, split, tabulate
from nodecheck.diagnosis.gradient.observation import Jacobians
from nodecheck.reference import solution


@functools.lru_cache(maxsize=16)
def stepwise(world: World, step: float) -> dict[str, Jacobians]:
    """Return the gradients of mistakes of the size of one step."""
    problem = world.problem
    found: dict[str, Jacobians] = {}
    t0, t1 = problem.t0, problem.t1
    for name, shift in {"one step late": step, "one step early": -step}.items():
        found |= wrong_clock(world, name, functools.partial(np.add, shift))
    windows = {
        "a backward pass without its last step": (t0 + step, t1),
        "a backward pass without its first step": (t0, t1 - step),
        "one backward step too many, beyond t0": (t0 - step, t1),
        "a layer that integrates one step beyond t1": (t0, t1 + step),
    }
    for name, (start, end) in windows.items():
        result = attempt(functools.partial(_windowed, world, start, end))
        if result is not None:
            found[name] = result
    for name, end in {"t1 - h": t1 - step, "t1 + h": t1 + step}.items():
        result = attempt(functools.partial(_displaced, world, end))
        if result is not None:
            found[f"a backward pass that starts at {name} and takes y1 for the state there"] = result
    for name, shift in {"one step late": step, "one step early": -step}.items():
        found[f"an adjoint along states that are {name}"] = _shifted_states(world, shift)
    return found | _one_sided_sums(world, step) | _incomplete_integrals(world, step)


def _shifted_states(world: World, shift: float) -> Jacobians:
    """Return the gradients if each Jacobian is that of the next step's state, or of the one before."""
    problem, mesh = world.problem, world.mesh
    first, last = sorted((problem.t0, problem.t1))
    states = world.path(np.clip(mesh.nodes + shift, first, last))
    return gradient(world, mesh, tabulate(problem, mesh, mesh.nodes, states))


def _incomplete_integrals(world: World, step: float) -> dict[str, Jacobians]:
    """Return the gradients if the right adjoint meets a parameter integral that is off by one step.

    A step that is left out is an integral over it; a value that is counted twice adds h times the integrand,
    as does a sum over the n + 1 points of a grid of n steps.
    """
    problem, exact = world.problem, right(world)
    t0, t1 = problem.t0, problem.t1
    (first, _), (last, _) = end_values(world.mesh, integrand(world.sweep, world.tables))
    end = world.window(t1 - step, t1)
    over_last = gradient(world, end, tabulate(problem, end, end.nodes, world.path(end.nodes)))
    inner = world.window(t0 + step, t1)
    without_first = gradient(world, inner, tabulate(problem, inner, inner.nodes, world.path(inner.nodes)))
    nothing = np.zeros_like(exact["y0"])
    at_t0 = split(problem, nothing, step * first)
    at_t1 = split(problem, nothing, step * last)
    names = {
        "a parameter integral without the step at t1": {k: exact[k] - over_last[k] for k in exact},
        "a parameter integral without the step at t0": without_first,
        "a parameter integral that counts its value at t0 once too often": {
            k: exact[k] + at_t0[k] for k in exact
        },
        "a parameter integral that counts its value at t1 once too often": {
            k: exact[k] + at_t1[k] for k in exact
        },
    }
    return {name: {**table, "y0": exact["y0"]} for name, table in names.items() if problem.params}


def _one_sided_sums(world: World, step: float) -> dict[str, Jacobians]:
    """Return the gradients if the parameter integral is a sum over one end of each step.

    Euler-Maclaurin: with I = aᵀ ∂f/∂θ, a sum over left ends errs by -h/2 [I] + h²/12 [I'], one over right
    ends by +h/2 [I] + h²/12 [I'], where [I] = I(t1) - I(t0).
    """
    values = integrand(world.sweep, world.tables)
    (first, first_slope), (last, last_slope) = end_values(world.mesh, values)
    curvature = step**2 / 12 * (last_slope - first_slope)
    exact, found = right(world), {}
    for name, sign in {"left": -1.0, "right": 1.0}.items():
        error = split(world.problem, world.sweep.start, sign * step / 2 * (last - first) + curvature)
        found[f"a parameter integral summed over the {name} ends of the steps"] = {
            key: exact[key] + (0.0 if key == "y0" else error[key]) for key in exact
        }
    return found


def _windowed(world: World, start: float, end: float) -> Jacobians:
    """Return the gradient of an adjoint that runs over [start, end] with the cotangent given at ``end``."""
    problem = world.problem
    mesh = world.window(start, end)
    states = world.path(mesh.nodes)
    before = (mesh.nodes - problem.t0) / problem.duration < 0.0
    after = (mesh.nodes - problem.t1) / problem.duration > 0.0
    if before.any():
        states[before] = solve_path(problem.with_interval(problem.t0, start))[1](mesh.nodes[before])
    if after.any():
        beyond = problem.replace(y0=solution(problem), t0=problem.t1, t1=end)
        states[after] = solve_path(beyond.replace(exact_flow=None))[1](mesh.nodes[after])
    return gradient(world, mesh, tabulate(problem, mesh, mesh.nodes, states))


def _displaced(world: World, end: float) -> Jacobians:
    """Return the gradient of a backward pass over [t0, end] that starts from y1."""
    problem, mesh = world.problem, world.window(world.problem.t0, end)
    back = problem.replace(y0=solution(problem), t0=end, t1=problem.t0, exact_flow=None)
    return gradient(world, mesh, tabulate(problem, mesh, mesh.nodes, solve_path(back)[1](mesh.nodes)))
