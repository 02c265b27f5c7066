"""Right layers that return the log-determinant of the flow, in the styles of public code."""

from __future__ import annotations

import itertools

import torch
from right_loops import rk4_step
from torch.func import jacrev, vmap

from nodecheck import adapt
from nodecheck.layers import TorchLayer


def march(field, t0, t1, n_steps, state):
    h = (t1 - t0) / n_steps
    for i in range(n_steps):
        state = rk4_step(field, t0 + i * h, h, state)
    return state


def heun_step(field, t, h, z):
    k = field(t, z)
    return z + h / 2 * (k + field(t + h, z + h * k))


def one_long_state(dynamics, t0, t1, n_steps):
    """Return a layer that integrates (y, l) as one tensor of shape (B, d + 1)."""
    view = adapt.with_divergence(dynamics)

    def field(t, z):
        slope, divergence = view(t, (z[:, :-1], z[:, -1]))
        return torch.cat([slope, divergence[:, None]], dim=1)

    def solve(y0):
        z = march(field, t0, t1, n_steps, torch.cat([y0, torch.zeros_like(y0[:, :1])], dim=1))
        return z[:, :-1], z[:, -1]

    return solve


def by_jacobians(dynamics, t0, t1, n_steps):
    """Return a layer by the midpoint rule that forms the Jacobians of all members with torch.func."""

    def field(t, y):
        def summed(states):
            slope = dynamics(t, states)
            return slope.sum(0), slope

        jacobians, slope = jacrev(summed, has_aux=True)(y)  # (d, B, d)
        return slope, torch.einsum("ibi->b", jacobians)

    def solve(y0):
        h, y, log_det = (t1 - t0) / n_steps, y0, torch.zeros_like(y0[:, 0])
        for i in range(n_steps):
            slope, divergence = field(t0 + (i + 0.5) * h, y + h / 2 * dynamics(t0 + i * h, y))
            y, log_det = y + h * slope, log_det + h * divergence
        return y, log_det

    return solve


def determinants_of_steps(dynamics, t0, t1, n_steps):
    """Return a layer whose log-determinant is that of its own steps, added up."""

    def solve(y0):
        h, y, log_det = (t1 - t0) / n_steps, y0, torch.zeros_like(y0[:, 0])
        for i in range(n_steps):
            t = t0 + i * h
            of_step = vmap(jacrev(lambda x, t=t: rk4_step(dynamics, t, h, x[None])[0]))(y)
            y, log_det = rk4_step(dynamics, t, h, y), log_det + torch.linalg.slogdet(of_step)[1]
        return y, log_det

    return solve


def gaussian_noise_backward_twice(dynamics, t0, t1, n_steps):
    """Return a layer with an estimate by Gaussian noise ε, and J ε from two backward passes."""

    def solve(y0):
        noise = torch.randn_like(y0)

        def field(t, z):
            recorded = torch.is_grad_enabled()
            with torch.enable_grad():
                y = z[:, :-1] if recorded and z.requires_grad else z[:, :-1].detach().requires_grad_()
                slope, weight = dynamics(t, y), torch.ones_like(noise, requires_grad=True)
                (pulled,) = torch.autograd.grad(slope, y, weight, create_graph=True)
                (pushed,) = torch.autograd.grad(pulled, weight, noise, create_graph=True)
            both = torch.cat([slope, (pushed * noise).sum(1, keepdim=True)], dim=1)
            return both if recorded else both.detach()

        z = march(field, t0, t1, n_steps, torch.cat([y0, torch.zeros_like(y0[:, :1])], dim=1))
        return z[:, :-1], z[:, -1]

    return solve


def at_output_times(dynamics, ts, n_steps):
    """Return a layer that ends a step at each output time and returns (ys, l) there."""
    steps = max(1, -(-n_steps // (len(ts) - 1)))

    def solve(y0):
        found, times = [(y0, torch.zeros_like(y0[:, 0]))], ts.tolist()
        for start, end in itertools.pairwise(times):
            y, log_det = one_long_state(dynamics, start, end, steps)(found[-1][0])
            found.append((y, found[-1][1] + log_det))
        return tuple(torch.stack(part) for part in zip(*found, strict=True))

    return solve


def adaptive_with_noise_in_norm(dynamics, t0, t1, tol):
    """Return step doubling of (y, l), l being Hutchinson's estimate, with both in the error norm."""

    def solve(y0):
        noise = torch.randint(0, 2, y0.shape).to(y0) * 2 - 1

        def field(t, z):
            recorded = torch.is_grad_enabled()
            with torch.enable_grad():
                y = z[:, :-1] if recorded and z.requires_grad else z[:, :-1].detach().requires_grad_()
                slope = dynamics(t, y)
                (product,) = torch.autograd.grad(slope, y, noise, create_graph=True)
            both = torch.cat([slope, (product * noise).sum(1, keepdim=True)], dim=1)
            return both if recorded else both.detach()

        z, t, h = torch.cat([y0, torch.zeros_like(y0[:, :1])], dim=1), t0, (t1 - t0) / 8
        while (t1 - t) * h > 0:
            taken = h if abs(h) < abs(t1 - t) else t1 - t
            whole = heun_step(field, t, taken, z)
            half = heun_step(field, t + taken / 2, taken / 2, heun_step(field, t, taken / 2, z))
            error = float(((half - whole).detach() / (tol * (1 + z.detach().abs()))).pow(2).mean().sqrt()) / 3
            if error <= 1:
                t, z = (t1 if taken == t1 - t else t + taken), half + (half - whole) / 3
            h = taken * min(4.0, max(0.2, 0.9 * (error + 1e-10) ** (-1 / 3)))
        return z[:, :-1], z[:, -1]

    return solve


FLOWS = (
    TorchLayer("flow-one-long-state", one_long_state, order=4, adjoint="discrete", output="log-det"),
    TorchLayer("flow-by-jacobians", by_jacobians, order=2, adjoint="discrete", output="log-det"),
    TorchLayer("flow-of-steps", determinants_of_steps, order=4, adjoint="discrete", output="log-det"),
    TorchLayer(
        "flow-gaussian-noise", gaussian_noise_backward_twice, order=4, adjoint="discrete", output="log-det"
    ),
    TorchLayer("flow-at-output-times", at_output_times, order=4, adjoint="discrete", output="log-det"),
    TorchLayer("flow-adaptive", adaptive_with_noise_in_norm, order=3, output="log-det"),
)
