"""Right layers whose state is a pair of tensors, in the styles of public code."""

from __future__ import annotations

import itertools

import torch
from right_flows import march as march_joined

from nodecheck.layers import TorchLayer


def shifted(state, h, slope):
    return tuple(x + h * k for x, k in zip(state, slope, strict=True))


def midpoint_step(field, t, h, state):
    return shifted(state, h, field(t + h / 2, shifted(state, h / 2, field(t, state))))


def by_tuples(dynamics, t0, t1, n_steps):
    """Return a layer that carries a tuple from step to step."""

    def solve(y0):
        h, state = (t1 - t0) / n_steps, tuple(y0)
        for i in range(n_steps):
            state = midpoint_step(dynamics, t0 + i * h, h, state)
        return state

    return solve


def flattened(dynamics, t0, t1, n_steps):
    """Return a layer that integrates one vector of all entries, members after each other, in each part."""

    def solve(y0):
        shapes, sizes = [part.shape for part in y0], [part.numel() for part in y0]

        def unflatten(z):
            return tuple(v.view(s) for v, s in zip(z.split(sizes), shapes, strict=True))

        def field(t, z):
            return torch.cat([k.reshape(-1) for k in dynamics(t, unflatten(z))])

        z0 = torch.cat([part.reshape(-1) for part in y0])
        return unflatten(march_joined(field, t0, t1, n_steps, z0))

    return solve


def one_part_after_the_other(dynamics, ts, n_steps):
    """Return a layer with output times that returns a list of the states of each part."""
    times = ts.tolist()

    def solve(y0):
        states = [tuple(y0)]
        for a, b in itertools.pairwise(times):
            count = max(1, -(-round(n_steps * abs(b - a) / abs(times[-1] - times[0]) * 1e9) // 10**9))
            state, h = states[-1], (b - a) / count
            for i in range(count):
                state = midpoint_step(dynamics, a + i * h, h, state)
            states.append(state)
        return [torch.stack(part) for part in zip(*states, strict=True)]

    return solve


def norm_of_each_part(dynamics, t0, t1, tol):
    """Return a layer by Heun and Euler that accepts a step if each part is within the tolerance by itself."""

    def solve(y0):
        t, h, state, sign = t0, (t1 - t0) / 8, tuple(y0), 1.0 if t1 > t0 else -1.0
        while sign * (t1 - t) > 0:
            h = sign * min(abs(h), abs(t1 - t))
            first = dynamics(t, state)
            euler = shifted(state, h, first)
            second = dynamics(t + h, euler)
            heun = shifted(state, h / 2, shifted(first, 1.0, second))
            error = max(
                float(((x - z).detach().abs() / (tol * (1 + x.detach().abs()))).square().mean().sqrt())
                for x, z in zip(heun, euler, strict=True)
            )
            if error <= 1.0:
                t, state = (t1 if abs(t1 - t) <= abs(h) else t + h), heun
            h *= min(5.0, max(0.2, 0.9 * max(error, 1e-10) ** -0.5))
        return state

    return solve


PAIRS = (
    TorchLayer("pair-by-tuples", by_tuples, order=2, adjoint="discrete", output="pair"),
    TorchLayer("pair-flattened", flattened, order=4, adjoint="discrete", tableau="rk4", output="pair"),
    TorchLayer("pair-at-output-times", one_part_after_the_other, order=2, adjoint="discrete", output="pair"),
    TorchLayer("pair-norm-of-each-part", norm_of_each_part, order=2, output="pair"),
)
