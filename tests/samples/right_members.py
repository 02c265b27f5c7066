"""Right layers with an interval for each member of the batch."""

from __future__ import annotations

import torch
from right_adaptive import bogacki_shampine, largest
from right_loops import rk4_step
from right_times import hermite_output

from nodecheck.layers import TorchLayer


def column(time):
    return time[:, None] if isinstance(time, torch.Tensor) and time.ndim else time


def in_scaled_time(dynamics, t0, t1):
    """The field of dy/ds, with t = t0 + s (t1 - t0) for each member."""
    return lambda s, y: column(t1 - t0) * dynamics(t0 + s * (t1 - t0), y)


def scaled_members(dynamics, t0, t1, n_steps):
    field = in_scaled_time(dynamics, t0, t1)

    def solve(y):
        for i in range(n_steps):
            y = rk4_step(field, i / n_steps, 1 / n_steps, y)
        return y

    return solve


def steps_of_members(dynamics, t0, t1, n_steps):
    """One column of step sizes, and of times that are told as they are."""
    h = (t1 - t0) / n_steps

    def solve(y):
        for i in range(n_steps):
            t, k = t0 + i * h, column(h)
            k1 = dynamics(t, y)
            k2 = dynamics(t + h / 2, y + k / 2 * k1)
            k3 = dynamics(t + h / 2, y + k / 2 * k2)
            k4 = dynamics(t0 + (i + 1) * h, y + k * k3)
            y = y + k / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y

    return solve


def member_by_member(dynamics, t0, t1, n_steps):
    """Each member by itself, with its own t0 and t1 as tensors of shape ()."""

    def solve(y0):
        if not isinstance(t0, torch.Tensor) or not t0.ndim:
            return scaled_members(dynamics, t0, t1, n_steps)(y0)
        parts = zip(t0, t1, y0.split(1), strict=True)
        return torch.cat([scaled_members(dynamics, a, b, n_steps)(y) for a, b, y in parts])

    return solve


def one_step_size_for_all(dynamics, t0, t1, n_steps):
    """Steps of the longest interval; the last one of a shorter interval is cut, and then its member rests."""
    span = torch.as_tensor(t1 - t0, dtype=torch.float64)
    size = span.abs().max() / n_steps

    def solve(y):
        for i in range(n_steps):
            done = torch.minimum(i * size, span.abs()) * span.sign()
            h = torch.minimum((i + 1) * size, span.abs()) * span.sign() - done
            field = in_scaled_time(dynamics, t0 + done, t0 + done + h)
            y = rk4_step(field, 0.0, 1.0, y)
        return y

    return solve


def adaptive_members(dynamics, t0, t1, tol):
    field = in_scaled_time(dynamics, t0, t1)
    return lambda y0: bogacki_shampine(field, 0.0, 1.0, tol, tol, y0, largest)


def interpolated_members(dynamics, ts, n_steps):
    """Each member on its own grid, with Hermite's cubic between the steps."""

    def solve(y0):
        if ts.ndim == 1:
            return hermite_output(dynamics, ts, n_steps)(y0)
        parts = zip(ts, y0.split(1), strict=True)
        return torch.cat([hermite_output(dynamics, own, n_steps)(y) for own, y in parts], dim=1)

    return solve


def times_as_numbers(dynamics, ts, n_steps):
    return interpolated_members(dynamics, ts.detach(), n_steps)


_BOTH = {"member-times", "time-gradients"}
MEMBERS = (
    TorchLayer("scaled-members", scaled_members, order=4, adjoint="discrete", supports=_BOTH),
    TorchLayer("steps-of-members", steps_of_members, order=4, adjoint="discrete", supports=_BOTH),
    TorchLayer("member-by-member", member_by_member, order=4, adjoint="discrete", supports=_BOTH),
    TorchLayer("one-step-size-for-all", one_step_size_for_all, order=4, supports={"member-times"}),
    TorchLayer("adaptive-members", adaptive_members, order=3, adjoint="discrete", supports={"member-times"}),
    TorchLayer("interpolated-members", interpolated_members, order=4, adjoint="discrete", supports=_BOTH),
    TorchLayer("members-at-numbers", times_as_numbers, order=4, supports={"member-times"}),
)
