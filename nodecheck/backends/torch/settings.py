"""Global settings of PyTorch and Python that a layer may not change."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nodecheck.layers.solve import Solve


class Watch:
    """The settings as they were, to compare with."""

    def __init__(self, dynamics: nn.Module) -> None:
        self._dynamics = dynamics
        self._before = _settings(dynamics)

    def changed(self, inputs: Mapping[str, Tensor], solve: Solve) -> list[str]:
        """Return the names of inputs and settings that are no longer what they were."""
        values = solve.problem.groups
        names = [name for name, tensor in inputs.items() if not _is(tensor, values[name])]
        now = _settings(self._dynamics)
        return names + [name for name, value in now.items() if value != self._before[name]]


def _is(tensor: Tensor, value: Any) -> bool:
    return torch.equal(tensor.detach(), torch.tensor(value, dtype=tensor.dtype, device=tensor.device))


def _settings(dynamics: nn.Module) -> dict[str, Any]:
    return {
        "default dtype": torch.get_default_dtype(),
        "grad mode": torch.is_grad_enabled(),
        "training mode of the dynamics": dynamics.training,
        "which parameters require a gradient": [p.requires_grad for p in dynamics.parameters()],
        "anomaly detection": torch.is_anomaly_enabled(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "number of threads": torch.get_num_threads(),
        "garbage collection": gc.isenabled(),
        "floating-point errors of NumPy": np.geterr(),
    }


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed PyTorch, and undo at the end what a layer may have changed globally."""
    rng, dtype, grad = torch.get_rng_state(), torch.get_default_dtype(), torch.is_grad_enabled()
    torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(rng)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
