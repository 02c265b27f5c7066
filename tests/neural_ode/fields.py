"""Vector fields of the tests, in a module of their own so that they can be pickled by name."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """A tanh network of (t, y) whose sizes all differ, so that a transposed product cannot fit."""

    def __init__(self, size: int = 3, width: int = 5) -> None:
        super().__init__()
        self.inner = nn.Linear(size + 1, width)
        self.outer = nn.Linear(width, size)

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        out: Tensor = self.outer(torch.tanh(self.inner(torch.cat([y, t.expand(*y.shape[:-1], 1)], -1))))
        return out


class CosineSquare(nn.Module):
    """dy/dt = theta cos(t) y^2, nonlinear and explicit in t, with a flow and gradients in closed form."""

    def __init__(self, theta: float = 0.5) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta, dtype=torch.float64))

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        return self.theta * torch.cos(t) * y**2

    def exact(self, y0: Tensor, t0: float, t1: float) -> Tensor:
        """Return y(t1) = y0 / (1 - theta y0 (sin t1 - sin t0)), by separation of variables."""
        times = torch.tensor([t0, t1], dtype=torch.float64)
        elapsed = torch.sin(times[1]) - torch.sin(times[0])
        return y0 / (1.0 - self.theta * y0 * elapsed)
