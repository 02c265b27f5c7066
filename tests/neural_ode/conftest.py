"""Fields shared by the tests of the reference implementation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn


class Network(nn.Module):
    """tanh network of (t, y) with sizes that all differ, so that a transposed product cannot fit."""

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


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return Network().double()


@pytest.fixture
def cosine_square() -> CosineSquare:
    return CosineSquare()


@pytest.fixture
def y0() -> Tensor:
    return torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def gradients() -> Callable[..., list[Tensor]]:
    """Return (layer, y0) -> the gradients of y0 and of the parameters, for the cotangent of a seed."""

    def pull_back(layer: nn.Module, y0: Tensor, seed: int = 2) -> list[Tensor]:
        leaf = y0.detach().requires_grad_()
        y1 = layer(leaf)
        cotangent = torch.randn(y1.shape, generator=torch.Generator().manual_seed(seed)).to(y1)
        wanted = [leaf, *(p for p in layer.parameters() if p.requires_grad)]
        return list(torch.autograd.grad(y1, wanted, cotangent, allow_unused=True))

    return pull_back
