"""The gradient monitor over whole trainings: a gradient that goes wrong, one that is, and right ones."""

from __future__ import annotations

import functools

import pytest
import torch
from models import detached_stage, ours
from torch import nn

import nodecheck
from nodecheck.numerics.audit_constants import MONITOR_WINDOW
from nodecheck.own_model import monitor as monitor_module

SHARE, LONG = 0.1, 2000
SEEDS = (0, 1, 2)
RIGHT = ours(n_steps=5, solver="rk4", adjoint="discrete")
LOOSE = ours(rtol=1e-2, atol=1e-2, adjoint="continuous")


class Spiral(nn.Module):
    """The field of torchdiffeq's demo, with fewer units."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
        for p in self.parameters():
            nn.init.normal_(p, 0.0, 0.1)

    def forward(self, t, y):
        return self.net(y**3)


class Truth(nn.Module):
    def forward(self, t, y):
        return (y**3) @ torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])


@functools.cache
def trajectory():
    """Return states of the true spiral, 0.05 apart."""
    with torch.no_grad():
        times = torch.linspace(0.0, 25.0, 501)
        return ours(n_steps=2500, solver="rk4")(Truth(), torch.tensor([[2.0, 0.0]]), times)[:, 0]


def trained(solve, *, n, seed=0, length=5.0, outputs=11, share=SHARE, after=lambda _: None):
    """Return the monitor of n steps on windows of the spiral."""
    torch.manual_seed(seed)
    states, field, solve = trajectory(), Spiral(), nodecheck.watch(solve)
    monitor = nodecheck.GradientMonitor(solve, field, share=share)
    optimiser = torch.optim.RMSprop(field.parameters(), lr=1e-2)
    every = round(length / (outputs - 1) / 0.05)
    times = torch.linspace(0.0, length, outputs)
    for _ in range(n):
        first = torch.randperm(400)[:20]
        target = torch.stack([states[first + k * every] for k in range(outputs)])

        def closure(first=first, target=target):
            return (solve(field, states[first], times) - target).abs().mean()

        closure().backward()
        monitor.after_backward(closure)
        after(monitor)
        optimiser.step()
        optimiser.zero_grad()
    return monitor


def test_a_gradient_that_goes_wrong_while_it_trains_is_an_alarm():
    monitor = trained(LOOSE, n=100, share=0.5)
    assert monitor.log.readings[0].error < 0.1 * monitor.budget
    assert monitor.alarm is not None
    assert monitor.alarm > monitor.log.readings[0].iteration


def test_a_detached_stage_on_the_spiral_is_an_alarm_at_the_first_reading():
    monitor = trained(detached_stage(2), n=60, share=0.5)
    assert monitor.alarm == monitor.log.readings[0].iteration


@functools.cache
def long_run(seed):
    """Return the monitor of a long right training, and the evaluations of the model and of the monitor.

    They are the clock of the monitor: what it takes is then the same on each machine.
    """
    clock, log = [0.0], []

    def count(module, _):
        clock[0] += float(isinstance(module, Spiral))

    def after(monitor):
        log.append((monitor.log.trained, monitor.log.spent))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitor_module.time, "perf_counter", lambda: clock[0])
        handle = nn.modules.module.register_module_forward_pre_hook(count)
        try:
            monitor = trained(RIGHT, n=LONG, seed=seed, length=0.5, outputs=6, after=after)
        finally:
            handle.remove()
    return monitor, log


@pytest.mark.parametrize("seed", SEEDS)
def test_a_long_right_training_has_no_alarm(seed):
    monitor, _ = long_run(seed)
    assert monitor.log.iterations == LONG
    assert len(monitor.log.readings) >= 10
    assert not monitor.log.stopped
    assert monitor.alarm is None


@pytest.mark.parametrize("seed", SEEDS)
def test_its_readings_stay_within_their_share_of_any_window(seed):
    _, log = long_run(seed)
    ends = [(0.0, 0.0), *log]
    for first in range(0, LONG - MONITOR_WINDOW + 1, 10):
        (trained_before, before), (trained_then, then) = ends[first], ends[first + MONITOR_WINDOW]
        assert then - before <= SHARE * (trained_then - trained_before)
