"""Small layers with one fault each, and right ones beside them."""

# ruff: noqa: ARG004, ARG005  (some ignore an argument, which is their fault)

from __future__ import annotations

import itertools

import torch
from torch.func import functional_call

from nodecheck.layers import TorchLayer
from nodecheck.neural_ode import ODELayer


def euler_step(f, t, h, y):
    return y + h * f(t, y)


def midpoint_step(f, t, h, y):
    return y + h * f(t + h / 2, y + h / 2 * f(t, y))


def rk4_step(f, t, h, y):
    k1 = f(t, y)
    k2 = f(t + h / 2, y + h / 2 * k1)
    k3 = f(t + h / 2, y + h / 2 * k2)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + f(t + h, y + h * k3))


def marching(step, *, extra=0):
    """Return the build of a layer that takes `extra` steps too many."""

    def build(dynamics, t0, t1, n_steps):
        def solve(y):
            h = (t1 - t0) / n_steps
            for i in range(n_steps + extra):
                y = step(dynamics, t0 + i * h, h, y)
            return y

        return solve

    return build


def rk4(**claims):
    return TorchLayer("rk4", marching(rk4_step), **{"order": 4, "adjoint": "discrete", **claims})


def euler(**claims):
    return TorchLayer("euler", marching(euler_step), **{"order": 1, "adjoint": "discrete", **claims})


def continuous(**claims):
    """Return a layer with a continuous adjoint."""

    def build(dynamics, t0, t1, n_steps):
        return ODELayer(dynamics, t0, t1, n_steps, solver="rk4", adjoint="continuous")

    return TorchLayer("continuous", build, **{"order": 4, "adjoint": "continuous", **claims})


def adaptive(wrap=lambda solve: solve):
    """Return an adaptive layer: RK4 by step doubling, local error per step below the tolerance."""

    def build(dynamics, t0, t1, tol):
        def solve(y):
            t, h = t0, (t1 - t0) / 10
            while t != t1:
                last = abs(t + 1.01 * h - t0) >= abs(t1 - t0)
                h = t1 - t if last else h
                half = rk4_step(dynamics, t, h / 2, y)
                fine = rk4_step(dynamics, t + h / 2, h / 2, half)
                error = float((fine - rk4_step(dynamics, t, h, y)).detach().abs().max()) / 15 / tol
                if error <= 1:
                    t, y = t1 if last else t + h, fine
                h = h * min(4.0, max(0.25, 0.8 * (error + 1e-12) ** (-1 / 5)))
            return y

        return wrap(solve)

    return TorchLayer("adaptive", build, adjoint="discrete")


class Backward(torch.autograd.Function):
    """The identity with a given function as its backward pass."""

    @staticmethod
    def forward(ctx, y, change):
        ctx.change = change
        return y.clone()

    @staticmethod
    def backward(ctx, cotangent):
        return ctx.change(cotangent), None


def after(change, **claims):
    """Return RK4 with `change(y0, y1)` in place of y1."""

    def build(dynamics, t0, t1, n_steps):
        solve = marching(rk4_step)(dynamics, t0, t1, n_steps)
        return lambda y: change(y, solve(y))

    return TorchLayer("changed", build, **{"order": 4, "adjoint": "discrete", **claims})


def pulling_back(change, **claims):
    """Return RK4 whose backward pass starts from change(cotangent)."""
    return after(lambda y0, y1: Backward.apply(y1, change), **claims)


def with_field(change, step=rk4_step, order=4):
    """Return a layer that integrates change(f)(t, y)."""

    def build(dynamics, t0, t1, n_steps):
        return marching(step)(change(dynamics), t0, t1, n_steps)

    return TorchLayer("other-field", build, order=order, adjoint="discrete")


class Remembers(torch.autograd.Function):
    """An autograd function that stores a value of one call on its class."""

    @staticmethod
    def forward(ctx, y):
        Remembers.scale = y.mean()
        return y.clone()

    @staticmethod
    def backward(ctx, cotangent):
        return cotangent * Remembers.scale


def float32_grid(dynamics, t0, t1, n_steps):
    def solve(y):
        for t, s in itertools.pairwise(torch.linspace(t0, t1, n_steps + 1)):
            y = rk4_step(dynamics, t, s - t, y)
        return y

    return solve


def from_zero(dynamics, t0, t1, n_steps):
    """Return RK4 from 0 to t1: t1 is used as the duration."""
    return marching(rk4_step)(dynamics, 0.0, t1, n_steps)


def unsigned(dynamics, t0, t1, n_steps):
    def solve(y):
        h = abs(t1 - t0) / n_steps
        for i in range(n_steps):
            y = rk4_step(dynamics, t0 + i * h, h, y)
        return y

    return solve


def detached_parameters(dynamics, t0, t1, n_steps):
    params = {name: p.detach() for name, p in dynamics.named_parameters()}
    return marching(rk4_step)(lambda t, y: functional_call(dynamics, params, (t, y)), t0, t1, n_steps)


def copied_parameters(dynamics, t0, t1, n_steps):
    """Return RK4 with a copy of the parameters that is made once, by `build`."""
    params = {name: p.detach().clone() for name, p in dynamics.named_parameters()}
    return marching(rk4_step)(lambda t, y: functional_call(dynamics, params, (t, y)), t0, t1, n_steps)


def stage_at_the_start(f, t, h, y):
    """Return a step of the midpoint rule with the time of its first stage in both stages."""
    return y + h * f(t, y + h / 2 * f(t, y))


def fixed(dynamics, t0, t1, n_steps):
    """Return RK4 with ten steps for every n_steps."""
    return marching(rk4_step)(dynamics, t0, t1, 10)


def ignores_tolerance(dynamics, t0, t1, tol):
    return marching(rk4_step)(dynamics, t0, t1, 10 if tol > 1e-5 else 12)


def adams_bashforth(dynamics, t0, t1, n_steps):
    """Return the two-step Adams-Bashforth method, started by Euler's method."""

    def solve(y):
        h, before = (t1 - t0) / n_steps, None
        for i in range(n_steps):
            now = dynamics(t0 + i * h, y)
            y, before = y + h * (now if before is None else 1.5 * now - 0.5 * before), now
        return y

    return solve


def layer(build, order=4, **claims):
    return TorchLayer("wrong", build, order=order, **{"adjoint": "discrete", **claims})
