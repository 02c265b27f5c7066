"""Fields shared by the tests of the reference implementation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from fields import CosineSquare, Network
from torch import Tensor, nn


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
    """Return (layer, y0, seed) -> gradients of y0 and of the parameters, for a random cotangent."""

    def pull_back(layer: nn.Module, y0: Tensor, seed: int = 2) -> list[Tensor]:
        leaf = y0.detach().requires_grad_()
        y1 = layer(leaf)
        cotangent = torch.randn(y1.shape, generator=torch.Generator().manual_seed(seed)).to(y1)
        wanted = [leaf, *(p for p in layer.parameters() if p.requires_grad)]
        return list(torch.autograd.grad(y1, wanted, cotangent, allow_unused=True))

    return pull_back
