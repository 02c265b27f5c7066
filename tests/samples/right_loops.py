"""Right layers that autograd differentiates, in the styles of public code."""

from __future__ import annotations

import copy
import itertools
import math

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from nodecheck.layers import TorchLayer


def rk4_step(f, t, h, y):
    k1 = f(t, y)
    k2 = f(t + h / 2, y + h / 2 * k1)
    k3 = f(t + h / 2, y + h / 2 * k2)
    k4 = f(t + h, y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def midpoint_loop(dynamics, t0, t1, n_steps):
    def solve(y):
        h = (t1 - t0) / n_steps
        for i in range(n_steps):
            y = y + h * dynamics(t0 + (i + 0.5) * h, y + h / 2 * dynamics(t0 + i * h, y))
        return y

    return solve


def euler_on_linspace(dynamics, t0, t1, n_steps):
    def solve(y):
        grid = torch.linspace(t0, t1, n_steps + 1, dtype=torch.float64)
        for t, after in itertools.pairwise(grid):
            y = y + (after - t) * dynamics(t, y)
        return y

    return solve


def heun_with_shorter_last_step(dynamics, t0, t1, n_steps):
    def solve(y):
        size, t = (t1 - t0) / (n_steps - 0.5), t0
        for i in range(n_steps):
            h = size if i < n_steps - 1 else t1 - t
            k1 = dynamics(t, y)
            y = y + h / 2 * (k1 + dynamics(t + h, y + h * k1))
            t = t0 + (i + 1) * size
        return y

    return solve


def rk4_with_one_element_time(dynamics, t0, t1, n_steps):
    def field(t, y):
        return dynamics(torch.full((1,), t, dtype=y.dtype), y)

    return lambda y0: rk4_over(field, t0, t1, n_steps, y0)


def rk4_with_time_per_member(dynamics, t0, t1, n_steps):
    def field(t, y):
        return dynamics(torch.full((len(y),), t, dtype=y.dtype), y)

    return lambda y0: rk4_over(field, t0, t1, n_steps, y0)


def rk4_over(f, t0, t1, n_steps, y):
    for i in range(n_steps):
        y = rk4_step(f, t0 + (t1 - t0) * i / n_steps, (t1 - t0) / n_steps, y)
    return y


def rk4_checkpointed(dynamics, t0, t1, n_steps):
    """Return RK4 with one checkpoint for each of about √n segments, which are given the parameters."""

    def solve(y):
        h, size = (t1 - t0) / n_steps, math.isqrt(n_steps)

        def segment(y, first, params):
            for i in range(first, min(first + size, n_steps)):
                y = rk4_step(lambda t, y: functional_call(dynamics, params, (t, y)), t0 + i * h, h, y)
            return y

        params = dict(dynamics.named_parameters())
        for first in range(0, n_steps, size):
            y = checkpoint(segment, y, first, params, use_reentrant=False)
        return y

    return solve


def rk4_by_functional_call(dynamics, t0, t1, n_steps):
    skeleton, params = copy.deepcopy(dynamics), dict(dynamics.named_parameters())
    return lambda y0: rk4_over(lambda t, y: functional_call(skeleton, params, (t, y)), t0, t1, n_steps, y0)


def rk4_in_halves(dynamics, t0, t1, n_steps):
    return lambda y0: rk4_over(dynamics, t0, t1, 2 * n_steps, y0)


def ssprk3_of_convex_combinations(dynamics, t0, t1, n_steps):
    """Return the method of Shu & Osher (1988), which consists of Euler steps and averages."""

    def solve(y):
        h = (t1 - t0) / n_steps
        for i in range(n_steps):
            t = t0 + i * h
            u = y + h * dynamics(t, y)
            v = (3 * y + u + h * dynamics(t + h, u)) / 4
            y = (y + 2 * (v + h * dynamics(t + h / 2, v))) / 3
        return y

    return solve


def euler_extrapolated(dynamics, t0, t1, n_steps):
    """Return Richardson extrapolation: twice the result of two half steps, less that of one whole step."""

    def solve(y):
        h = (t1 - t0) / n_steps
        for i in range(n_steps):
            t = t0 + i * h
            slope = dynamics(t, y)
            half = y + h / 2 * slope
            y = 2 * (half + h / 2 * dynamics(t + h / 2, half)) - (y + h * slope)
        return y

    return solve


def euler_four_times(dynamics, t0, t1, n_steps):
    """Return one to four Euler steps, extrapolated by Neville's scheme; its weights amplify rounding."""
    orders = (1, 2, 3, 4)
    weights = [math.prod(n / (n - m) for m in orders if m != n) for n in orders]

    def euler(t, h, n, y):
        for i in range(n):
            y = y + h / n * dynamics(t + i * h / n, y)
        return y

    def solve(y):
        h = (t1 - t0) / n_steps
        for i in range(n_steps):
            parts = [w * euler(t0 + i * h, h, n, y) for n, w in zip(orders, weights, strict=True)]
            y = sum(parts[1:], start=parts[0])
        return y

    return solve


class Chunks(nn.Module):
    """A sequence of modules with three steps each, and one module for the rest."""

    class Chunk(nn.Module):
        def __init__(self, dynamics, times, h):
            super().__init__()
            self.dynamics, self.times, self.h = dynamics, times, h

        def forward(self, y):
            for t in self.times:
                y = rk4_step(self.dynamics, t, self.h, y)
            return y

    def __init__(self, dynamics, t0, t1, n_steps):
        super().__init__()
        h = (t1 - t0) / n_steps
        times = [t0 + i * h for i in range(n_steps)]
        self.scan = nn.Sequential(*(self.Chunk(dynamics, times[i : i + 3], h) for i in range(0, n_steps, 3)))

    def forward(self, y):
        return self.scan(y)


LOOPS = (
    TorchLayer(
        "midpoint-loop", midpoint_loop, order=2, adjoint="discrete", memory="linear", tableau="midpoint"
    ),
    TorchLayer("euler-on-linspace", euler_on_linspace, order=1, adjoint="discrete", memory="linear"),
    TorchLayer("heun-with-shorter-last-step", heun_with_shorter_last_step, order=2, adjoint="discrete"),
    TorchLayer("rk4-with-one-element-time", rk4_with_one_element_time, order=4, adjoint="discrete"),
    TorchLayer("rk4-with-time-per-member", rk4_with_time_per_member, order=4, adjoint="discrete"),
    TorchLayer("rk4-checkpointed", rk4_checkpointed, order=4, adjoint="discrete", memory="sqrt"),
    TorchLayer("rk4-by-functional-call", rk4_by_functional_call, order=4, adjoint="discrete", tableau="rk4"),
    TorchLayer("rk4-in-halves", rk4_in_halves, order=4, adjoint="discrete", memory="linear"),
    TorchLayer("ssprk3-of-convex-combinations", ssprk3_of_convex_combinations, order=3, adjoint="discrete"),
    TorchLayer("euler-extrapolated", euler_extrapolated, order=2, adjoint="discrete"),
    TorchLayer("euler-extrapolated-four-times", euler_four_times, order=4, adjoint="discrete"),
    TorchLayer("rk4-in-chunks", lambda dynamics, t0, t1, n_steps: Chunks(dynamics, t0, t1, n_steps), order=4),
)
