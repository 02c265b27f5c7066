"""Right layers with the interfaces of public code; all of them take midpoint steps."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import nn


def march(f, times, y):
    """Return the states at all times, one explicit midpoint step from each to the next."""
    states = [y]
    for t, after in itertools.pairwise(times):
        h = after - t
        y = y + h * f(t + h / 2, y + h / 2 * f(t, y))
        states.append(y)
    return states


def equal_steps(t0, t1, n):
    return [t0 + (t1 - t0) * i / n for i in range(n)] + [t1]


# Modules that are built with the dynamics and a resolution: steps, a grid, a step size.


class WithSteps(nn.Module):
    def __init__(self, dynamics, t_start, t_end, steps):
        super().__init__()
        self.dynamics, self.times = dynamics, equal_steps(t_start, t_end, steps)

    def forward(self, y0):
        return march(self.dynamics, self.times, y0)[-1]


class WithGrid(nn.Module):
    def __init__(self, dynamics, times):
        super().__init__()
        self.dynamics, self.times = dynamics, times

    def forward(self, y0):
        return march(self.dynamics, self.times, y0)[-1]


class WithStepSize(WithSteps):
    def __init__(self, dynamics, t0, t1, h):
        super().__init__(dynamics, t0, t1, math.ceil(abs(t1 - t0) / h))


class WithMaximalStep(WithSteps):
    def __init__(self, dynamics, t0, t1, *, max_step=0.1):
        n = 1
        while abs(t1 - t0) / n > max_step:
            n += 1
        super().__init__(dynamics, t0, t1, n)


class WithTenSteps(WithSteps):
    def __init__(self, dynamics, t0, t1):
        super().__init__(dynamics, t0, t1, 10)


class OnUnitInterval(WithSteps):
    def __init__(self, dynamics, steps):
        super().__init__(dynamics, 0.0, 1.0, steps)


# Functions odeint(f, y0, t, ...) with different return values.


def odeint_time_first(f, y0, t):
    return torch.stack(march(f, t, y0))


def odeint_batch_first(f, y0, t):
    return torch.stack(march(f, t, y0), dim=1)


def odeint_time_last(f, y0, t):
    return torch.stack(march(f, t, y0), dim=-1)


def odeint_with_times(f, y0, t):
    return t, torch.stack(march(f, t, y0))


def odeint_with_extras(f, y0, t):
    return march(f, t, y0)[-1], {"steps": len(t) - 1}


def odesolve(f, y0, options):
    assert options["method"] == "midpoint"
    t0, t1 = options["t0"], options["t1"]
    return march(f, equal_steps(t0, t1, math.ceil(abs(t1 - t0) / options["h"])), y0)[-1]


@dataclass
class InitialValueProblem:
    f: nn.Module
    y0: torch.Tensor
    t_eval: torch.Tensor


@dataclass
class Solution:
    ts: torch.Tensor
    ys: torch.Tensor


class Solver:
    def __init__(self, n_steps):
        self.n_steps = n_steps

    def solve(self, problem):
        times = equal_steps(float(problem.t_eval[0]), float(problem.t_eval[-1]), self.n_steps)
        states = march(problem.f, times, problem.y0)
        return Solution(problem.t_eval, torch.stack([states[0], states[-1]], dim=1))


class Solve(torch.autograd.Function):
    """An autograd function that saves y0 and theta, and repeats the steps in the backward pass."""

    @staticmethod
    def forward(ctx, f, y0, t0, t1, n, theta):
        ctx.f, ctx.times = f, equal_steps(t0, t1, n)
        ctx.save_for_backward(y0, theta)
        return march(lambda t, y: f(t, y, theta), ctx.times, y0)[-1]

    @staticmethod
    def backward(ctx, cotangent):
        with torch.enable_grad():
            y0, theta = (x.detach().requires_grad_() for x in ctx.saved_tensors)
            y1 = march(lambda t, y: ctx.f(t, y, theta), ctx.times, y0)[-1]
        dy0, dtheta = torch.autograd.grad(y1, (y0, theta), cotangent)
        return None, dy0, None, None, None, dtheta


# Layers that call the dynamics under different signatures.


class StateFirst(WithSteps):
    def forward(self, y0):
        return march(lambda t, y: self.dynamics(y, t), self.times, y0)[-1]


class WithoutTime(nn.Module):
    def __init__(self, field, duration, steps):
        super().__init__()
        self.field, self.times = field, equal_steps(0.0, duration, steps)

    def forward(self, y0):
        return march(lambda _t, y: self.field(y), self.times, y0)[-1]


class BatchedTime(WithSteps):
    def forward(self, y0):
        def field(t, y):
            return self.dynamics(torch.full((len(y),), t, dtype=y.dtype), y)

        return march(field, self.times, y0)[-1]


def odeint_with_params(f, y0, t0, t1, n, *params):
    return march(lambda t, y: f(t, y, *params), equal_steps(t0, t1, n), y0)[-1]


def odeint_with_flat_params(f, y0, t0, t1, n, theta):
    return march(lambda t, y: f(y, t, theta), equal_steps(t0, t1, n), y0)[-1]


class ODEFunc(nn.Module):
    """The base class that `NeuralODE` requires of its dynamics."""

    def __init__(self, name="f"):
        super().__init__()
        self.name = name

    def forward(self, z, t):
        raise NotImplementedError

    def forward_with_grad(self, z, t):
        return self.forward(z, t)


class NeuralODE(WithSteps):
    def __init__(self, func, t0, t1, steps):
        assert isinstance(func, ODEFunc)
        super().__init__(func, t0, t1, steps)

    def forward(self, y0):
        return march(lambda t, z: self.dynamics.forward_with_grad(z, t), self.times, y0)[-1]
