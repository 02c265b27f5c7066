"""ODELayer on a CUDA device."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer

pytestmark = pytest.mark.cuda
Gradients = Callable[..., list[Tensor]]
adjoints = pytest.mark.parametrize("adjoint", ["continuous", "discrete", "checkpointed", "reversible"])


@adjoints
def test_the_device_computes_what_the_cpu_computes(
    adjoint: str, network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    layer = ODELayer(network, solver="rk4", adjoint=adjoint)
    here = gradients(layer, y0)
    there = gradients(layer.cuda(), y0.cuda())
    for one, other in zip(there, here, strict=True):
        assert (one.cpu() - other).norm() <= 25 * 64 * 2.0**-52 * max(g.norm() for g in here)


def test_time_is_on_the_device_of_the_state(network: nn.Module, y0: Tensor) -> None:
    seen = set()
    ODELayer(lambda t, y: seen.add(t.device.type) or y * t)(y0.cuda())
    assert seen == {"cuda"}


def test_dropout_on_the_device_is_refused(y0: Tensor) -> None:
    drop = nn.Dropout(0.5)
    with pytest.raises(RuntimeError, match="drew random numbers"):
        ODELayer(lambda _t, y: drop(y))(y0.cuda())


def test_autocast_on_the_device_is_the_same_in_both_passes(network: nn.Module, y0: Tensor) -> None:
    seen = []
    linear = nn.Linear(3, 3, device="cuda")

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = linear

        def forward(self, _t: Tensor, y: Tensor) -> Tensor:
            out: Tensor = self.linear(y)
            seen.append(out.dtype)
            return out

    with torch.autocast("cuda", torch.bfloat16):
        y1 = ODELayer(Watching(), n_steps=4)(y0.float().cuda())
    y1.sum().backward()
    assert seen == [torch.bfloat16] * 8


def peak(layer: nn.Module, y0: Tensor) -> int:
    layer(y0).sum().backward()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    layer(y0).sum().backward()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def test_the_continuous_adjoint_needs_no_more_memory_for_more_steps(network: nn.Module) -> None:
    y0, field = torch.zeros(4096, 3, dtype=torch.float64, device="cuda"), network.cuda()
    few, many = (peak(ODELayer(field, n_steps=n), y0) for n in (8, 256))
    # One state is the unit that a solver could hoard per step; the times are 8 bytes each.
    assert many - few <= y0.numel() * 8
