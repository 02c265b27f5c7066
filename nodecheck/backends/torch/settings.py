"""Global settings of PyTorch and Python that a layer may not change."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
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


def _set_deterministic(value: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(value[0], warn_only=value[1])


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


# What holds for the whole process: how it is read, and how it is set.
_GLOBAL: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "anomaly detection": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "deterministic algorithms": (_deterministic, _set_deterministic),
    "number of threads": (torch.get_num_threads, torch.set_num_threads),
    "garbage collection": (gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    "floating-point errors of NumPy": (np.geterr, lambda how: np.seterr(**how)),
}


def _global() -> dict[str, Any]:
    return {name: read() for name, (read, _) in _GLOBAL.items()}


def _settings(dynamics: nn.Module) -> dict[str, Any]:
    return _global() | {
        "training mode of the dynamics": dynamics.training,
        "which parameters require a gradient": [p.requires_grad for p in dynamics.parameters()],
    }


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed PyTorch, and undo at the end what a layer may have changed globally."""
    rng, before = torch.get_rng_state(), _global()
    torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(rng)
        for name, value in _global().items():
            if value != before[name]:
                _GLOBAL[name][1](before[name])
