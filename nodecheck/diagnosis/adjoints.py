"""Wrong adjoint equations, each solved accurately: what a layer with that mistake converges to."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from nodecheck.diagnosis.observation import Jacobians
from nodecheck.diagnosis.sweep import (
    Mesh,
    Sweep,
    Tables,
    end_values,
    integrand,
    integrate,
    make_mesh,
    solve,
    split,
    tabulate,
)
from nodecheck.problems import Float64, Problem
from nodecheck.reference import ReferenceFailure, solution
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
    knots, path = _solve_path(problem)
    coarse = [*knots[:-1:_STEPS_PER_PANEL], problem.t1]
    if len(coarse) <= _FEWEST_PANELS:
        return World(problem, np.linspace(problem.t0, problem.t1, _FEWEST_PANELS + 1), path)
    return World(problem, np.array(coarse), path)


def right(world: World) -> Jacobians:
    """Return the exact gradient, by the solver of the wrong ones: the difference is its error."""
    return _gradient(world, world.mesh, world.tables)


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
        "an adjoint driven by J instead of Jᵀ": _gradient(world, mesh, tables, tables.state),
        "an adjoint equation with the wrong sign": _gradient(
            world, mesh, tables, -np.swapaxes(tables.state, -1, -2)
        ),
        "an adjoint that is not propagated": integrate(problem, identity, mesh, integrand(constant, tables)),
        "the cotangent itself, as if the adjoint were not propagated to t0": {
            **right(world),
            "y0": np.array(identity),
        },
        "a parameter integral with a(t1) in place of a(t)": at_end,
        "a parameter integral with a(t0) in place of a(t)": integrate(
            problem, sweep.start, mesh, integrand(at_start, tables)
        ),
    }
    t0, t1 = problem.t0, problem.t1
    for name, clock in {
        "frozen at t0": lambda t: np.full_like(t, t0),
        "frozen at t1": lambda t: np.full_like(t, t1),
        "reversed": lambda t: t0 + t1 - t,
    }.items():
        found |= _wrong_clock(world, name, clock)
    return found | _wrong_state(world)


@functools.lru_cache(maxsize=16)
def stepwise(world: World, step: float) -> dict[str, Jacobians]:
    """Return the gradients of mistakes of the size of one step."""
    problem = world.problem
    found: dict[str, Jacobians] = {}
    t0, t1 = problem.t0, problem.t1
    for name, shift in {"one step late": step, "one step early": -step}.items():
        found |= _wrong_clock(world, name, functools.partial(np.add, shift))
    windows = {
        "a backward pass without its last step": (t0 + step, t1),
        "a backward pass without its first step": (t0, t1 - step),
        "one backward step too many, beyond t0": (t0 - step, t1),
        "a layer that integrates one step beyond t1": (t0, t1 + step),
    }
    for name, (start, end) in windows.items():
        gradient = _attempt(functools.partial(_windowed, world, start, end))
        if gradient is not None:
            found[name] = gradient
    for name, end in {"t1 - h": t1 - step, "t1 + h": t1 + step}.items():
        gradient = _attempt(functools.partial(_displaced, world, end))
        if gradient is not None:
            found[f"a backward pass that starts at {name} and takes y1 for the state there"] = gradient
    return found | _one_sided_sums(world, step)


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


def _gradient(world: World, mesh: Mesh, tables: Tables, matrix: Float64 | None = None) -> Jacobians:
    sweep = solve(mesh, np.swapaxes(tables.state, -1, -2) if matrix is None else matrix)
    return integrate(world.problem, sweep.start, mesh, integrand(sweep, tables))


def _wrong_clock(world: World, name: str, clock: Callable[[Float64], Any]) -> dict[str, Jacobians]:
    """Return the gradients if the backward pass reads ``clock(t)``: in the vjp, and in the state too."""
    problem, mesh = world.problem, world.mesh
    times = clock(mesh.nodes)
    stored = _attempt(lambda: _gradient(world, mesh, tabulate(problem, mesh, times, world.path(mesh.nodes))))

    def rebuilt() -> Jacobians:
        def field(t: Any, y: Any, /, **params: Any) -> Any:
            return problem.vector_field(np.asarray(clock(t)), y, **params)

        path = _backward_path(problem, field)
        return _gradient(world, mesh, tabulate(problem, mesh, times, path(mesh.nodes)))

    found = {
        f"an adjoint whose time is {name}": stored,
        f"an adjoint and reconstructed state whose time is {name}": _attempt(rebuilt),
    }
    return {key: value for key, value in found.items() if value is not None}


def _wrong_state(world: World) -> dict[str, Jacobians]:
    """Return the gradients if the Jacobian is evaluated at wrong states."""
    problem, mesh = world.problem, world.mesh
    y1 = solution(problem)

    def away(t: Any, y: Any, /, **params: Any) -> Any:
        return -problem.vector_field(t, y, **params)

    def at(path: Path) -> Jacobians:
        return _gradient(world, mesh, tabulate(problem, mesh, mesh.nodes, path(mesh.nodes)))

    def frozen(state: Float64) -> Path:
        return lambda times: np.broadcast_to(state, (*times.shape, *state.shape))

    found = {
        "a state frozen at y1 during the backward pass": _attempt(lambda: at(frozen(y1))),
        "a state frozen at y0 during the backward pass": _attempt(lambda: at(frozen(problem.y0))),
        "a state that runs in the wrong direction during the backward pass": _attempt(
            lambda: at(_backward_path(problem, away))
        ),
    }
    return {key: value for key, value in found.items() if value is not None}


def _windowed(world: World, start: float, end: float) -> Jacobians:
    """Return the gradient of an adjoint that runs over [start, end] with the cotangent given at ``end``."""
    problem = world.problem
    mesh = world.window(start, end)
    states = world.path(mesh.nodes)
    before = (mesh.nodes - problem.t0) / problem.duration < 0.0
    after = (mesh.nodes - problem.t1) / problem.duration > 0.0
    if before.any():
        states[before] = _solve_path(problem.with_interval(problem.t0, start))[1](mesh.nodes[before])
    if after.any():
        beyond = problem.replace(y0=solution(problem), t0=problem.t1, t1=end)
        states[after] = _solve_path(beyond.replace(exact_flow=None))[1](mesh.nodes[after])
    return _gradient(world, mesh, tabulate(problem, mesh, mesh.nodes, states))


def _displaced(world: World, end: float) -> Jacobians:
    """Return the gradient of a backward pass over [t0, end] that starts from y1."""
    problem, mesh = world.problem, world.window(world.problem.t0, end)
    back = problem.replace(y0=solution(problem), t0=end, t1=problem.t0, exact_flow=None)
    return _gradient(world, mesh, tabulate(problem, mesh, mesh.nodes, _solve_path(back)[1](mesh.nodes)))


def _backward_path(problem: Problem, field: Callable[..., Any]) -> Path:
    """Return the state that a field, right or wrong, reconstructs from y1 backward in time."""
    back = problem.replace(vector_field=field, y0=solution(problem), t0=problem.t1, t1=problem.t0)
    return _solve_path(back)[1]


def _solve_path(problem: Problem) -> tuple[Float64, Path]:
    """Return the solver's own steps, and the solution as a function of times of any shape."""

    def rhs(t: float, y: Float64) -> Any:
        return problem.vector_field(np.asarray(t), y, **problem.params)

    result = integrate_state(problem, rhs, problem.y0, rtol=_RTOL, atol=_RTOL, dense_output=True)

    def path(times: Float64) -> Float64:
        states: Float64 = np.moveaxis(result.sol(times.reshape(-1)), -1, 0)
        return states.reshape(*times.shape, *problem.y0.shape)

    return result.t, path


def _attempt(compute: Callable[[], Jacobians]) -> Jacobians | None:
    """Return None for a wrong equation whose solution escapes: no layer could have returned it."""
    try:
        return compute()
    except ReferenceFailure:
        return None
