"""An adapter for each public shape of layers, as a user would write it.

A target: tests/samples/adapters.py:LAYERS.
"""

# ruff: noqa: E731, ARG005  (an adapter is usually a lambda in a call; one shape cannot be refined)

from __future__ import annotations

import public_layers as public

from nodecheck import adapt
from nodecheck.layers import TorchLayer

with_steps = lambda dynamics, t0, t1, n_steps: public.WithSteps(dynamics, t0, t1, n_steps)
with_grid = lambda dynamics, t0, t1, n_steps: public.WithGrid(dynamics, adapt.grid(t0, t1, n_steps))
with_step_size = lambda dynamics, t0, t1, n_steps: public.WithStepSize(
    dynamics, t0, t1, adapt.step_size(t0, t1, n_steps)
)
with_maximal_step = lambda dynamics, t0, t1, n_steps: public.WithMaximalStep(
    dynamics, t0, t1, max_step=adapt.step_size(t0, t1, n_steps)
)
with_ten_steps = lambda dynamics, t0, t1, n_steps: public.WithTenSteps(dynamics, t0, t1)
on_unit_interval = lambda dynamics, t0, t1, n_steps: public.OnUnitInterval(
    adapt.over_unit_interval(dynamics, t0, t1), n_steps
)


def time_first(dynamics, t0, t1, n_steps):
    times = adapt.grid(t0, t1, n_steps)
    return lambda y0: adapt.last(public.odeint_time_first(dynamics, y0, times), time_axis=0)


def batch_first(dynamics, t0, t1, n_steps):
    times = adapt.grid(t0, t1, n_steps)
    return lambda y0: adapt.last(public.odeint_batch_first(dynamics, y0, times), time_axis=1)


def time_last(dynamics, t0, t1, n_steps):
    times = adapt.grid(t0, t1, n_steps)
    return lambda y0: adapt.last(public.odeint_time_last(dynamics, y0, times), time_axis=-1)


def with_times(dynamics, t0, t1, n_steps):
    times = adapt.grid(t0, t1, n_steps)
    solve = public.odeint_with_times
    return lambda y0: adapt.last(adapt.part(solve(dynamics, y0, times), 1), time_axis=0)


def with_extras(dynamics, t0, t1, n_steps):
    solve = public.odeint_with_extras
    return lambda y0: adapt.part(solve(dynamics, y0, adapt.grid(t0, t1, n_steps, like=y0)), 0)


def with_options(dynamics, t0, t1, n_steps):
    options = {"h": adapt.step_size(t0, t1, n_steps), "t0": t0, "t1": t1, "method": "midpoint"}
    return lambda y0: public.odesolve(dynamics, y0, options)


def solver_object(dynamics, t0, t1, n_steps):
    def solve(y0):
        problem = public.InitialValueProblem(dynamics, y0, adapt.grid(t0, t1, 1, like=y0))
        return adapt.last(public.Solver(n_steps).solve(problem).ys, time_axis=1)

    return solve


def bare_function(dynamics, t0, t1, n_steps):
    f = adapt.with_flat_params(dynamics)
    return lambda y0: public.Solve.apply(f, y0, t0, t1, n_steps, adapt.flat_params(dynamics))


state_first = lambda dynamics, t0, t1, n_steps: public.StateFirst(adapt.swapped(dynamics), t0, t1, n_steps)


def without_time(dynamics, t0, t1, n_steps):
    layer = public.WithoutTime(adapt.autonomous(dynamics), t1 - t0, n_steps)
    return lambda y0: adapt.drop_time(layer(adapt.append_time(y0, t0)))


batched_time = lambda dynamics, t0, t1, n_steps: public.BatchedTime(dynamics, t0, t1, n_steps)


def with_params(dynamics, t0, t1, n_steps):
    f = adapt.with_params(dynamics)
    return lambda y0: public.odeint_with_params(f, y0, t0, t1, n_steps, *dynamics.parameters())


def with_flat_params(dynamics, t0, t1, n_steps):
    f = adapt.swapped(adapt.with_flat_params(dynamics))
    return lambda y0: public.odeint_with_flat_params(f, y0, t0, t1, n_steps, adapt.flat_params(dynamics))


def base_class(dynamics, t0, t1, n_steps):
    f = adapt.subclass(adapt.swapped(dynamics), public.ODEFunc, name="ours")
    return public.NeuralODE(f, t0, t1, n_steps)


BUILDS = {
    "a module with steps": with_steps,
    "a module with a grid": with_grid,
    "a module with a step size": with_step_size,
    "a module with a maximal step": with_maximal_step,
    "a module with ten steps": with_ten_steps,
    "a module on the unit interval": on_unit_interval,
    "a trajectory (T, B, d)": time_first,
    "a trajectory (B, T, d)": batch_first,
    "a trajectory (B, d, T)": time_last,
    "times and trajectory": with_times,
    "state and extras": with_extras,
    "an options dict": with_options,
    "a solver object": solver_object,
    "a bare autograd function": bare_function,
    "f(y, t)": state_first,
    "f(y)": without_time,
    "f(t[B], y)": batched_time,
    "f(t, y, *params)": with_params,
    "f(y, t, theta)": with_flat_params,
    "a base class": base_class,
}

LAYERS = tuple(TorchLayer(name, build, order=2, adjoint="discrete") for name, build in BUILDS.items())
