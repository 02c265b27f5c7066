"""Right layers that return gradients with respect to times."""

from __future__ import annotations

import torch
from right_loops import rk4_step

from nodecheck.layers import TorchLayer


def hermite_output(dynamics, ts, n_steps):
    """Steps on one grid from t0 to t1, and Hermite's cubic between them: both are functions of ts."""

    def solve(y0):
        h = (ts[-1] - ts[0]) / n_steps
        times = [ts[0] + i * h for i in range(n_steps + 1)]
        states = [y0]
        for t in times[:-1]:
            states.append(rk4_step(dynamics, t, h, states[-1]))

        def between(t):
            k = min(int(((t - ts[0]) / h).item()), n_steps - 1)
            s, (a, b) = (t - times[k]) / h, states[k : k + 2]
            fa, fb = dynamics(times[k], a), dynamics(times[k + 1], b)
            inner = (1 - 2 * s) * (b - a) + h * ((s - 1) * fa + s * fb)
            return (1 - s) * a + s * b + s * (s - 1) * inner

        return torch.stack([y0, *map(between, ts[1:])])

    return solve


def scaled_time(dynamics, t0, t1, n_steps):
    """The interval [0, 1] in place of [t0, t1], which are floats or tensors."""

    def field(s, y):
        return (t1 - t0) * dynamics(t0 + s * (t1 - t0), y)

    def solve(y):
        for i in range(n_steps):
            y = rk4_step(field, i / n_steps, 1 / n_steps, y)
        return y

    return solve


TIMES = (
    TorchLayer("hermite-output", hermite_output, order=4, adjoint="discrete", supports={"time-gradients"}),
    TorchLayer("scaled-time", scaled_time, order=4, adjoint="discrete", supports={"time-gradients"}),
)
