"""Right layers whose resolution is a tolerance, in the styles of public code."""

from __future__ import annotations

import torch
from right_adjoints import pulled_back, trained, with_backward
from right_loops import rk4_step

from nodecheck.layers import TorchLayer


def bogacki_shampine(f, t0, t1, rtol, atol, y, norm):
    """Return y(t1) by the pair of orders three and two, whose last stage is the first of the next step."""
    t, h, k1 = t0, (t1 - t0) / 20, f(t0, y)
    while t != t1:
        last = abs(t + 1.01 * h - t0) >= abs(t1 - t0)
        h = t1 - t if last else h
        k2 = f(t + h / 2, y + h / 2 * k1)
        k3 = f(t + 3 * h / 4, y + 3 * h / 4 * k2)
        z = y + h * (2 * k1 + 3 * k2 + 4 * k3) / 9
        k4 = f(t + h, z)
        error = norm(h * (-5 * k1 + 6 * k2 + 8 * k3 - 9 * k4) / 72, atol + rtol * y.abs())
        if error <= 1:
            t, y, k1 = t1 if last else t + h, z, k4
        h = h * min(4.0, max(0.25, 0.8 * (error + 1e-12) ** (-1 / 3)))
    return y


def rms(error, scale):
    return float((error / scale).detach().square().mean().sqrt())


def largest(error, scale):
    return float((error / scale).detach().abs().max())


def adaptive_backprop(dynamics, t0, t1, rtol, atol):
    return lambda y0: bogacki_shampine(dynamics, t0, t1, rtol, atol, y0, rms)


def adaptive_adjoint(dynamics, t0, t1, tol):
    def forward(y0):
        return bogacki_shampine(dynamics, t0, t1, tol, tol, y0, largest), None

    def backward(y1, _kept, cotangent):
        like = (y1, cotangent, *trained(dynamics).values())
        sizes = [x.numel() for x in like]

        def field(t, state):
            y, a, *_ = (x.view_as(z) for x, z in zip(state.split(sizes), like, strict=True))
            f, pulled = pulled_back(dynamics, t, y, a)
            return torch.cat([f.reshape(-1), *(-p.reshape(-1) for p in pulled)])

        zeros = [torch.zeros_like(p).reshape(-1) for p in like[2:]]
        start = torch.cat([y1.reshape(-1), cotangent.reshape(-1), *zeros])
        end = bogacki_shampine(field, t1, t0, tol, tol, start, largest)
        return [x.view_as(z) for x, z in zip(end.split(sizes), like, strict=True)][1:]

    return with_backward(forward, backward, dynamics)


def rk4_doubled(dynamics, t0, t1, tol):
    """Return RK4 with step doubling: one step against two half steps, with local extrapolation."""

    def solve(y):
        t, h = t0, (t1 - t0) / 10
        while t != t1:
            last = abs(t + 1.01 * h - t0) >= abs(t1 - t0)
            h = t1 - t if last else h
            whole = rk4_step(dynamics, t, h, y)
            halves = rk4_step(dynamics, t + h / 2, h / 2, rk4_step(dynamics, t, h / 2, y))
            error = largest((halves - whole) / 15, tol * (1 + y.abs()))
            if error <= 1:
                t, y = t1 if last else t + h, halves + (halves - whole) / 15
            h = h * min(4.0, max(0.25, 0.8 * (error + 1e-12) ** (-1 / 5)))
        return y

    return solve


ADAPTIVE = (
    TorchLayer("bogacki-shampine-backprop", adaptive_backprop, adjoint="discrete", memory="linear"),
    TorchLayer("bogacki-shampine-adjoint", adaptive_adjoint, adjoint="continuous", memory="constant"),
    TorchLayer("rk4-step-doubling", rk4_doubled, adjoint="discrete", memory="linear"),
)
