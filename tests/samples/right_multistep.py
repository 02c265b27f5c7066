"""Right layers that are not explicit one-step Runge-Kutta methods."""

from __future__ import annotations

import torch
from right_adjoints import once, require_same

from nodecheck.layers import TorchLayer


def adams_bashforth(start):
    """Return the two-step Adams-Bashforth method, whose first step is `start`."""

    def build(dynamics, t0, t1, n_steps):
        def solve(y):
            h = (t1 - t0) / n_steps
            before = dynamics(t0, y)
            y = start(dynamics, t0, h, y, before)
            for i in range(1, n_steps):
                now = dynamics(t0 + i * h, y)
                y, before = y + h / 2 * (3 * now - before), now
            return y

        return solve

    return build


def euler_start(_f, _t, h, y, slope):
    return y + h * slope


def heun_start(f, t, h, y, slope):
    return y + h / 2 * (slope + f(t + h, y + h * slope))


def asynchronous_leapfrog(dynamics, t0, t1, n_steps):
    """Return MALI, Zhuang et al. (2021): state and velocity, half a step apart."""

    def solve(y):
        h, v = (t1 - t0) / n_steps, dynamics(t0, y)
        for i in range(n_steps):
            middle = y + h / 2 * v
            v = 2 * dynamics(t0 + (i + 0.5) * h, middle) - v
            y = middle + h / 2 * v
        return y

    return solve


def implicit_midpoint(dynamics, t0, t1, n_steps):
    """Return a layer that solves each step by fixed-point iteration to rounding, and differentiates it."""

    def solve(y):
        h = (t1 - t0) / n_steps
        for i in range(n_steps):
            t, slope = t0 + (i + 0.5) * h, torch.zeros_like(y)
            for _ in range(100):
                before, slope = slope, dynamics(t, y + h / 2 * slope)
                if torch.linalg.vector_norm(slope - before) <= 1e-16 * torch.linalg.vector_norm(slope):
                    break
            y = y + h * slope
        return y

    return solve


def reversible_heun(dynamics, t0, t1, n_steps):
    """Return Algorithm 1 of Kidger et al. (2021), whose backward pass undoes each step."""
    h = (t1 - t0) / n_steps
    params = tuple(p for p in dynamics.parameters() if p.requires_grad)

    def step(t, y, z, h):
        slope = dynamics(t, z)
        z = 2 * y - z + h * slope
        return y + h / 2 * (slope + dynamics(t + h, z)), z

    class Solve(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y, *_params):
            z = y
            for i in range(n_steps):
                y, z = step(t0 + i * h, y, z, h)
            ctx.save_for_backward(y, z)
            return y

        @staticmethod
        def backward(ctx, a):
            require_same(dynamics, params)
            (y, z), b = ctx.saved_tensors, torch.zeros_like(a)
            gradients = [torch.zeros_like(p) for p in params]
            for i in reversed(range(n_steps)):
                t = t0 + i * h
                y, z = (x.detach().requires_grad_() for x in step(t + h, y, z, -h))
                with torch.enable_grad():
                    outputs = step(t, y, z, h)
                a, b, *more = torch.autograd.grad(outputs, (y, z, *params), (a, b), materialize_grads=True)
                gradients = [g + m for g, m in zip(gradients, more, strict=True)]
            return once((a + b, *gradients))

    return lambda y0: Solve.apply(y0, *params)


MULTISTEP = (
    TorchLayer("adams-bashforth-from-euler", adams_bashforth(euler_start), order=2, adjoint="discrete"),
    TorchLayer("adams-bashforth-from-heun", adams_bashforth(heun_start), order=2, adjoint="discrete"),
    TorchLayer("asynchronous-leapfrog", asynchronous_leapfrog, order=2, adjoint="discrete", memory="linear"),
    TorchLayer("implicit-midpoint", implicit_midpoint, order=2, adjoint="discrete"),
    TorchLayer("reversible-heun", reversible_heun, order=2, adjoint="discrete", memory="constant"),
)
