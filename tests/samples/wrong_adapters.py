"""Wrong adapters of right layers, each with one mistake and a part of the advice that corrects it."""

# ruff: noqa: ARG005  (some ignore an argument, which is their mistake)

from __future__ import annotations

import torch
from public_layers import (
    OnUnitInterval,
    Solution,
    Solve,
    StateFirst,
    WithMaximalStep,
    WithoutTime,
    WithSteps,
    WithStepSize,
    equal_steps,
    march,
    odeint_batch_first,
    odeint_time_first,
    odeint_time_last,
    odeint_with_extras,
    odeint_with_params,
    odeint_with_times,
)
from torch import nn

from nodecheck import adapt
from nodecheck.layers import TorchLayer


def returning(odeint):
    """Return an adapter that returns the output of `odeint(f, y0, times)` unchanged."""
    return lambda dynamics, t0, t1, n_steps: lambda y0: odeint(dynamics, y0, adapt.grid(t0, t1, n_steps))


def of_components_first(read):
    """Return the adapter of a layer that works on states of shape (d, B)."""

    def build(dynamics, t0, t1, n_steps):
        def field(t, x):
            return dynamics(t, x.mT).mT

        return lambda y0: read(march(field, equal_steps(t0, t1, n_steps), y0.mT)[-1], y0)

    return build


def without_moving_axes(dynamics, t0, t1, n_steps):
    return lambda y0: march(dynamics, equal_steps(t0, t1, n_steps), y0.mT)[-1].mT


def wrapped_error(dynamics, t0, t1, n_steps):
    """Return a layer whose library catches errors of the dynamics and raises one of its own."""
    layer = StateFirst(dynamics, t0, t1, n_steps)

    def solve(y0):
        try:
            return layer(y0)
        except TypeError as error:
            msg = "the solver failed"
            raise RuntimeError(msg) from error

    return solve


def own_network(dynamics, t0, t1, n_steps):
    net = nn.Linear(3, 3, dtype=torch.float64)
    return WithSteps(lambda t, y: net(y), t0, t1, n_steps)


class CalledWithTimes(nn.Module):
    def __init__(self, dynamics):
        super().__init__()
        self.dynamics = dynamics

    def forward(self, y0, t):
        return march(self.dynamics, t, y0)[-1]


def with_tol(read):
    """Return an adaptive adapter of a layer that expects a step size or a number of steps."""

    def build(dynamics, t0, t1, tol):
        return read(dynamics, t0, t1, tol)

    return build


def number_of_steps(dynamics, t0, t1, tol):
    return lambda y0: march(dynamics, [t0 + (t1 - t0) * i / tol for i in range(tol)], y0)[-1]


BUILDS = {
    "f(y, t) as it is": (
        lambda dynamics, t0, t1, n_steps: StateFirst(dynamics, t0, t1, n_steps),
        "they are in the other order: give a layer that calls f(y, t) adapt.swapped(dynamics)",
    ),
    "swapped for f(t, y)": (
        lambda dynamics, t0, t1, n_steps: WithSteps(adapt.swapped(dynamics), t0, t1, n_steps),
        "they are in the other order",
    ),
    "f(y, t), error caught by the library": (wrapped_error, "adapt.swapped(dynamics)"),
    "f(y) as it is": (
        lambda dynamics, t0, t1, n_steps: WithoutTime(dynamics, t1 - t0, n_steps),
        "for f(y) give it adapt.autonomous(dynamics)",
    ),
    "autonomous for f(t, y)": (
        lambda dynamics, t0, t1, n_steps: WithSteps(adapt.autonomous(dynamics), t0, t1, n_steps),
        "see `nodecheck.adapt` for the",
    ),
    "f(t, y, *params) as it is": (
        lambda dynamics, t0, t1, n_steps: (
            lambda y0: odeint_with_params(dynamics, y0, t0, t1, n_steps, *dynamics.parameters())
        ),
        "for f(t, y, *params) give it adapt.with_params(dynamics)",
    ),
    "f(t, y, theta) as it is": (
        lambda dynamics, t0, t1, n_steps: (
            lambda y0: Solve.apply(dynamics, y0, t0, t1, n_steps, adapt.flat_params(dynamics))
        ),
        "for f(t, y, theta) adapt.with_flat_params(dynamics)",
    ),
    "components first": (without_moving_axes, "with y of shape (3, 4), where y0 has (4, 3)"),
    "a trajectory (T, B, d)": (
        returning(odeint_time_first),
        "Axis 0 of y, of size 17, is time (its first entry is y0): return adapt.last(y, time_axis=0) for y.",
    ),
    "a trajectory (B, T, d)": (returning(odeint_batch_first), "adapt.last(y, time_axis=1)"),
    "a trajectory (B, d, T)": (returning(odeint_time_last), "adapt.last(y, time_axis=2)"),
    "a trajectory without y0": (
        returning(lambda f, y0, t: odeint_time_first(f, y0, t)[1:]),
        "Axis 0 of y, of size 16, is time (the others are those of y0)",
    ),
    "a trajectory from late to early": (
        returning(lambda f, y0, t: odeint_time_first(f, y0, t).flip(0)),
        "(its last entry is y0): return adapt.last(y.flip(0), time_axis=0) for y.",
    ),
    "a trajectory of as many times as members": (
        lambda dynamics, t0, t1, n_steps: lambda y0: odeint_batch_first(dynamics, y0, adapt.grid(t0, t1, 3)),
        "(4, 4, 3) for y0 of shape (4, 3). Axis 1 of y, of size 4, is time (its first entry is y0)",
    ),
    "a trajectory of as many times as components": (
        lambda dynamics, t0, t1, n_steps: lambda y0: odeint_time_last(dynamics, y0, adapt.grid(t0, t1, 2)),
        "(4, 3, 3) for y0 of shape (4, 3). Axis 2 of y, of size 3, is time (its first entry is y0)",
    ),
    "a trajectory in float32": (
        returning(lambda f, y0, t: odeint_time_first(f, y0, t).float()),
        "adapt.last(y, time_axis=0)",
    ),
    "a tuple of a tuple": (
        returning(lambda f, y0, t: (odeint_with_times(f, y0, t), "done")),
        "adapt.last(adapt.part(y, 0, 1), time_axis=0)",
    ),
    "times and trajectory": (
        returning(odeint_with_times),
        "a tuple of 2 for y0 of shape (4, 3). Axis 0 of y[1], of size 17, is time "
        "(its first entry is y0): return adapt.last(adapt.part(y, 1), time_axis=0) for y.",
    ),
    "state and extras": (
        returning(odeint_with_extras),
        "y[0] has the shape of the state: return adapt.part(y, 0) for y.",
    ),
    "a dictionary": (
        returning(lambda f, y0, t: {"success": True, "y": odeint_time_first(f, y0, t)}),
        "adapt.last(adapt.part(y, 'y'), time_axis=0)",
    ),
    "a solution object": (
        returning(lambda f, y0, t: Solution(t, odeint_batch_first(f, y0, t))),
        "adapt.last(adapt.part(y, 'ys'), time_axis=1)",
    ),
    "along another axis": (
        returning(lambda f, y0, t: adapt.last(odeint_batch_first(f, y0, t), time_axis=0)),
        "a tensor of shape (17, 3) for y0 of shape (4, 3); it has to return the state at t1",
    ),
    "a helper given a tuple": (
        returning(lambda f, y0, t: adapt.last(odeint_with_times(f, y0, t), time_axis=0)),
        "adapt.last is misused: expected the trajectory as a tensor, got tuple",
    ),
    "along an axis that is not there": (
        returning(lambda f, y0, t: adapt.last(odeint_time_first(f, y0, t), time_axis=3)),
        "adapt.last is misused: Dimension out of range",
    ),
    "None": (returning(lambda f, y0, t: None), "`build` returns None for y0"),
    "a NumPy array": (
        returning(lambda f, y0, t: odeint_time_first(f, y0, t)[-1].detach().numpy()),
        "A NumPy array carries no gradient",
    ),
    "a list of states": (
        returning(lambda f, y0, t: march(f, t, y0)),
        "the states at all times. Return adapt.part(y, -1) for y.",
    ),
    "a tuple of states": (
        returning(lambda f, y0, t: tuple(march(f, t, y0))),
        "the states at all times. Return adapt.part(y, -1) for y.",
    ),
    "first state, last state and extras": (
        returning(lambda f, y0, t: (y0, march(f, t, y0)[-1], "done")),
        "return adapt.part(y, 1) for y",
    ),
    "state and velocity": (
        returning(lambda f, y0, t: (march(f, t, y0)[-1], f(t[-1], y0))),
        "return adapt.part(y, 0) for y",
    ),
    "integers": (returning(lambda f, y0, t: march(f, t, y0)[-1].long()), "a tensor of int64"),
    "(d, B)": (of_components_first(lambda x, y0: x), "batch and components are swapped. Return y.mT"),
    "(d, B) reshaped": (
        of_components_first(lambda x, y0: x.reshape(y0.shape)),
        "a state of shape (d, B) is reshaped to (B, d)",
    ),
    "the first state": (
        returning(lambda f, y0, t: odeint_time_first(f, y0, t)[0]),
        "returns y0 as it was, although the dynamics is evaluated 32 times",
    ),
    "y0": (lambda dynamics, t0, t1, n_steps: lambda y0: y0, "the dynamics is never evaluated"),
    "another network": (own_network, "the layer integrates something else"),
    "no function": (
        lambda dynamics, t0, t1, n_steps: None,
        "`build` returns None; it has to return a function",
    ),
    "a function of y0 and t": (
        lambda dynamics, t0, t1, n_steps: lambda y0, t: march(dynamics, t, y0)[-1],
        "What `build` returns cannot be called with y0 alone",
    ),
    "a module called with y0 and t": (
        lambda dynamics, t0, t1, n_steps: CalledWithTimes(dynamics),
        "for instance `lambda y0: layer(y0, t)`",
    ),
    "an argument too few": (
        lambda dynamics, t0, t1, n_steps: WithSteps(dynamics, t0, t1),
        "A line of `build` itself raises TypeError: ",
    ),
    "a name that is not there": (
        lambda dynamics, t0, t1, n_steps: torch.odeint(dynamics, t0, t1, n_steps),
        "A line of `build` itself raises AttributeError: ",
    ),
    "n_steps as step size": (
        lambda dynamics, t0, t1, n_steps: WithStepSize(dynamics, t0, t1, n_steps),
        "`n_steps` is taken for a step size (n_steps = 0.125, 0.0625, 0.03125 cost 24, 46, 90 evaluations): "
        "give the layer adapt.step_size(t0, t1, n_steps).",
    ),
    "n_steps as maximal step": (
        lambda dynamics, t0, t1, n_steps: WithMaximalStep(dynamics, t0, t1, max_step=n_steps),
        "give the layer adapt.step_size(t0, t1, n_steps).",
    ),
    "t0 and t1 swapped": (
        lambda dynamics, t0, t1, n_steps: WithSteps(dynamics, t1, t0, n_steps),
        "t0 and t1 are swapped",
    ),
    "t0 and t1 forgotten": (
        lambda dynamics, t0, t1, n_steps: OnUnitInterval(dynamics, n_steps),
        "for [0.3, 1.7] and for [-0.6, 0.1] the layer looks at times in [0, 0.9688]",
    ),
    "tol as step size": (
        with_tol(WithStepSize),
        "`tol` is taken for a step size (tol = 0.125, 0.0625, 0.03125 cost 24, 46, 90 evaluations): "
        "pass it on as rtol and atol",
    ),
    "tol as number of steps": (with_tol(number_of_steps), "call the fourth parameter of `build` n_steps"),
}

LAYERS = tuple(TorchLayer(name, build) for name, (build, _) in BUILDS.items())
