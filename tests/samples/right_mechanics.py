"""Right layers of second order, q'' = a(t, q, v), in the styles of public code for mechanics."""

from __future__ import annotations

import itertools

import torch
from right_adjoints import trained, with_backward
from torch import nn

from nodecheck import adapt
from nodecheck.layers import TorchLayer
from nodecheck.neural_ode import ODELayer


def halves(y):
    return y.chunk(2, dim=-1)


def symplectic_euler(dynamics, t0, t1, n_steps):
    """Return a layer that kicks first and drifts with the new velocity: order one for every force."""

    def solve(y0):
        (q, v), h = halves(y0), (t1 - t0) / n_steps
        for i in range(n_steps):
            v = v + h * dynamics(t0 + i * h, q, v)
            q = q + h * v
        return torch.cat([q, v], dim=-1)

    return solve


class VelocityVerlet(nn.Module):
    """Velocity Verlet: one force a step, because that at the end of a step serves the next one."""

    def __init__(self, force, t0, t1, n_steps):
        super().__init__()
        self.force, self.t0, self.h, self.n_steps = force, t0, (t1 - t0) / n_steps, n_steps

    def forward(self, y0):
        (q, v), h = halves(y0), self.h
        a = self.force(self.t0, q)
        for i in range(self.n_steps):
            q = q + h * v + h**2 / 2 * a
            old, a = a, self.force(self.t0 + (i + 1) * h, q)
            v = v + h / 2 * (old + a)
        return torch.cat([q, v], dim=-1)


def position_verlet_at_times(dynamics, ts, n_steps):
    """Return a layer with output times that drifts half a step, kicks, and drifts half a step."""
    grid = adapt.grid_through(ts, n_steps)

    def solve(y0):
        q, v = halves(y0)
        states = [y0]
        for t, end in itertools.pairwise(grid.tolist()):
            h = end - t
            q = q + h / 2 * v
            v = v + h * dynamics(t + h / 2, q, v)
            q = q + h / 2 * v
            states.append(torch.cat([q, v], dim=-1))
        return adapt.at_times(torch.stack(states), grid, ts)

    return solve


def leap(force, t, h, q, v):
    """Return one step of leapfrog: half a kick, a drift, half a kick; with -h from t + h it is undone."""
    v = v + h / 2 * force(t, q)
    q = q + h * v
    return q, v + h / 2 * force(t + h, q)


def reversible_leapfrog(dynamics, t0, t1, n_steps):
    """Return a leapfrog that keeps its last state alone, and takes its steps backwards for the gradient."""
    h = (t1 - t0) / n_steps
    times = [t0 + i * h for i in range(n_steps)]
    params = tuple(trained(dynamics).values())

    def forward(y0):
        q, v = halves(y0)
        for t in times:
            q, v = leap(dynamics, t, h, q, v)
        return torch.cat([q, v], dim=-1), None

    def backward(y1, _kept, cotangent):
        (q, v), adjoint = halves(y1), halves(cotangent)
        sums = [torch.zeros_like(p) for p in params]
        for t in reversed(times):
            q, v = leap(dynamics, t + h, -h, q, v)
            with torch.enable_grad():
                state = [x.detach().requires_grad_() for x in (q, v)]
                found = torch.autograd.grad(
                    leap(dynamics, t, h, *state), [*state, *params], adjoint, allow_unused=True
                )
            adjoint = found[:2]
            parts = zip(sums, found[2:], strict=True)
            sums = [total if part is None else total + part for total, part in parts]
        return (torch.cat(adjoint, dim=-1), *sums)

    return with_backward(forward, backward, dynamics)


_YOSHIDA = (1 / (2 - 2 ** (1 / 3)), -(2 ** (1 / 3)) / (2 - 2 ** (1 / 3)), 1 / (2 - 2 ** (1 / 3)))


def yoshida(dynamics, t0, t1, n_steps):
    """Return Yoshida's method of order four: three leaps a step, the middle one backwards in time."""

    def solve(y0):
        (q, v), h = halves(y0), (t1 - t0) / n_steps
        for i in range(n_steps):
            t = t0 + i * h
            for share in _YOSHIDA:
                q, v = leap(dynamics, t, share * h, q, v)
                t = t + share * h
        return torch.cat([q, v], dim=-1)

    return solve


def nystroem(dynamics, t0, t1, n_steps):
    """Return Nyström's method of order four for forces with velocities, which is that of Kutta, too."""

    def solve(y0):
        (q, v), h = halves(y0), (t1 - t0) / n_steps
        for i in range(n_steps):
            t = t0 + i * h
            a1 = dynamics(t, q, v)
            a2 = dynamics(t + h / 2, q + h / 2 * v, v + h / 2 * a1)
            a3 = dynamics(t + h / 2, q + h / 2 * v + h**2 / 4 * a1, v + h / 2 * a2)
            a4 = dynamics(t + h, q + h * v + h**2 / 2 * a2, v + h * a3)
            q = q + h * v + h**2 / 6 * (a1 + a2 + a3)
            v = v + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        return torch.cat([q, v], dim=-1)

    return solve


def nystroem_of_positions(dynamics, t0, t1, n_steps):
    """Return Nyström's method of order four for q'' = a(t, q), with three forces a step."""

    def solve(y0):
        (q, v), h = halves(y0), (t1 - t0) / n_steps
        for i in range(n_steps):
            t = t0 + i * h
            a1 = dynamics(t, q)
            a2 = dynamics(t + h / 2, q + h / 2 * v + h**2 / 8 * a1)
            a3 = dynamics(t + h, q + h * v + h**2 / 2 * a2)
            q = q + h * v + h**2 / 6 * (a1 + 2 * a2)
            v = v + h / 6 * (a1 + 4 * a2 + a3)
        return torch.cat([q, v], dim=-1)

    return solve


def implicit_leapfrog(dynamics, t0, t1, n_steps):
    """Return the generalised leapfrog: the first half of the kick is implicit, its mirror image explicit."""

    def solve(y0):
        (q, v), h = halves(y0), (t1 - t0) / n_steps
        for i in range(n_steps):
            t, half = t0 + i * h, v
            for _ in range(20):
                half = v + h / 2 * dynamics(t, q, half)
            q = q + h * half
            v = half + h / 2 * dynamics(t + h, q, half)
        return torch.cat([q, v], dim=-1)

    return solve


def stoermer_two_steps(dynamics, t0, t1, n_steps):
    """Return Störmer's method of two steps, which carries no velocity, and finds it at the end."""
    force = adapt.time_last(dynamics)

    def solve(y0):
        (q, v), h = halves(y0), (t1 - t0) / n_steps
        before, q = q, q + h * v + h**2 / 2 * force(q, t0)
        for i in range(1, n_steps):
            before, q = q, 2 * q - before + h**2 * force(q, t0 + i * h)
        return torch.cat([q, (q - before) / h + h / 2 * force(q, t1)], dim=-1)

    return solve


def verlet_with_predicted_velocity(dynamics, t0, t1, n_steps):
    """Return velocity Verlet for friction: the force at the end is that of a predicted velocity."""

    def solve(y0):
        (q, v), h = halves(y0), (t1 - t0) / n_steps
        for i in range(n_steps):
            t = torch.full_like(y0[:, :1], t0 + i * h)
            a = dynamics(t, q, v)
            q = q + h * v + h**2 / 2 * a
            v = v + h / 2 * (a + dynamics(t + h, q, v + h * a))
        return torch.cat([q, v], dim=-1)

    return solve


def leapfrog_of_positions_alone(dynamics, t0, t1, n_steps):
    """Return a leapfrog that calls a(q) and knows no time, with time as a position."""
    force, h = adapt.with_clock(dynamics), (t1 - t0) / n_steps

    def solve(z):
        q, v = halves(z)
        for _ in range(n_steps):
            v = v + h / 2 * force(q)
            q = q + h * v
            v = v + h / 2 * force(q)
        return torch.cat([q, v], dim=-1)

    return lambda y0: adapt.drop_clock(solve(adapt.append_clock(y0, t0)))


def by_continuous_adjoint(dynamics, t0, t1, n_steps):
    return ODELayer(adapt.first_order(dynamics), t0, t1, n_steps, solver="rk4", adjoint="continuous")


def by_tuples(dynamics, t0, t1, n_steps):
    layer = ODELayer(adapt.first_order(dynamics), t0, t1, n_steps, solver="heun", adjoint="discrete")
    return lambda y0: torch.cat(layer(halves(y0)), dim=-1)


def adaptive(dynamics, t0, t1, rtol, atol):
    return ODELayer(adapt.first_order(dynamics), t0, t1, rtol=rtol, atol=atol, adjoint="discrete")


GENERAL, SEPARABLE = frozenset({"second-order"}), frozenset({"second-order", "separable"})
MECHANICS = (
    TorchLayer("symplectic-euler", symplectic_euler, order=1, adjoint="discrete", supports=GENERAL),
    TorchLayer("velocity-verlet", VelocityVerlet, order=2, adjoint="discrete", supports=SEPARABLE),
    TorchLayer(
        "position-verlet-at-times", position_verlet_at_times, order=2, adjoint="discrete", supports=SEPARABLE
    ),
    TorchLayer(
        "reversible-leapfrog",
        reversible_leapfrog,
        order=2,
        adjoint="discrete",
        memory="constant",
        supports=SEPARABLE,
    ),
    TorchLayer("yoshida", yoshida, order=4, adjoint="discrete", supports=SEPARABLE),
    TorchLayer("nystroem", nystroem, order=4, adjoint="discrete", tableau="rk4", supports=GENERAL),
    TorchLayer(
        "nystroem-of-positions", nystroem_of_positions, order=4, adjoint="discrete", supports=SEPARABLE
    ),
    TorchLayer("stoermer-two-steps", stoermer_two_steps, order=2, adjoint="discrete", supports=SEPARABLE),
    TorchLayer(
        "verlet-with-predicted-velocity",
        verlet_with_predicted_velocity,
        order=2,
        adjoint="discrete",
        supports=GENERAL,
    ),
    TorchLayer("implicit-leapfrog", implicit_leapfrog, order=2, adjoint="discrete", supports=GENERAL),
    TorchLayer(
        "leapfrog-of-positions-alone",
        leapfrog_of_positions_alone,
        order=2,
        adjoint="discrete",
        supports=SEPARABLE,
    ),
    TorchLayer(
        "mechanics-continuous-adjoint", by_continuous_adjoint, order=4, adjoint="continuous", supports=GENERAL
    ),
    TorchLayer("mechanics-by-tuples", by_tuples, order=2, adjoint="discrete", supports=GENERAL),
    TorchLayer("mechanics-adaptive", adaptive, supports=GENERAL),
)
LAYERS = MECHANICS
