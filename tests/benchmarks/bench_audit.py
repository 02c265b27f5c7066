"""What an audit costs, by stage: of the spiral demo, and of a convolutional block of 20,000 parameters.

A script, which pytest does not collect; it prints seconds of the processor and of the clock::

    python tests/benchmarks/bench_audit.py [spiral] [convolution]
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time

import torch
from torch import nn

from nodecheck.own_model.audit import Audit
from nodecheck.own_model.conduct import conduct


class Spiral(nn.Module):
    """The field of torchdiffeq's examples/ode_demo.py."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 50), nn.Tanh(), nn.Linear(50, 2))

    def forward(self, t, y):
        return self.net(y**3)


class Convolution(nn.Module):
    """A field of 8 channels of 7 x 7, and 20,560 parameters."""

    def __init__(self):
        super().__init__()
        self.norm = nn.GroupNorm(4, 8)
        self.layers = nn.Sequential(
            nn.Conv2d(8, 40, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(40, 40, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(40, 8, 3, padding=1),
        )

    def forward(self, t, y):
        return self.layers(self.norm(y))


def adjoint(dynamics, y0, t):
    """Solve as the demo does."""
    from torchdiffeq import odeint_adjoint

    return odeint_adjoint(dynamics, y0, t, rtol=1e-3, atol=1e-4)


def spiral() -> Audit:
    """Return the audit of a batch of the demo, of 20 windows of 10 times."""
    torch.manual_seed(0)
    y0, t = torch.randn(20, 1, 2), torch.linspace(0.0, 0.25, 10)
    return Audit("spiral", adjoint, Spiral(), y0, t, lambda ys: ys.abs().mean())


def convolution() -> Audit:
    """Return the audit of a batch of 32 images."""
    torch.manual_seed(0)
    y0, t = torch.randn(32, 8, 7, 7), torch.tensor([0.0, 1.0])
    return Audit("convolution", adjoint, Convolution(), y0, t, lambda ys: ys[-1].square().mean())


def line(what: str, cpu: float, wall: float) -> str:
    """Return one line of the table."""
    return f"  {what:25} {cpu:7.1f} s of the processor {wall:7.1f} s\n"


def main() -> None:
    """Audit, and print the time of each stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["spiral", "convolution"])
    for name in parser.parse_args().names:
        audit = {"spiral": spiral, "convolution": convolution}[name]()
        stages = [("before the field", time.process_time(), time.perf_counter())]

        def noted(what: str, stages: list[tuple[str, float, float]] = stages) -> None:
            stages.append((what, time.process_time(), time.perf_counter()))

        record = conduct(audit, noted)
        noted("")
        count = sum(p.numel() for p in audit.dynamics.parameters())
        sys.stdout.write(f"{name}: {count} parameters, {record.outcome.value}\n")
        for (what, cpu, wall), (_, cpu_then, wall_then) in itertools.pairwise(stages):
            sys.stdout.write(line(what, cpu_then - cpu, wall_then - wall))
        sys.stdout.write(line("all", stages[-1][1] - stages[0][1], stages[-1][2] - stages[0][2]))


if __name__ == "__main__":
    main()
