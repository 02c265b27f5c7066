"""Global settings of PyTorch, NumPy and Python that a layer may not change."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nodecheck.backends.torch.generators import read_generators, seed_generators, set_generators
from nodecheck.layers.solve import Solve

# Settings that a module may change when it is imported, which a layer may do in its first pass.
CHANGED_BY_IMPORTS = frozenset({"warning filters"})


class Watch:
    """The settings as they were, to compare with."""

    def __init__(self, dynamics: nn.Module) -> None:
        self._dynamics = dynamics
        self._parameters = list(dynamics.parameters())  # kept alive, or another may take an identity
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


def _cudnn() -> tuple[bool, bool, bool]:
    flags = torch.backends.cudnn
    return flags.enabled, flags.benchmark, flags.deterministic


def _set_cudnn(value: tuple[bool, bool, bool]) -> None:
    flags = torch.backends.cudnn
    flags.enabled, flags.benchmark, flags.deterministic = value


def _set_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)


def _set_filters(filters: list[Any]) -> None:
    warnings.resetwarnings()  # which also says that what was looked up in them is out of date
    warnings.filters[:] = filters  # type: ignore[index]


# What holds for the whole process: how it is read, and how it is set.
_GLOBAL: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "anomaly detection": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "deterministic algorithms": (_deterministic, _set_deterministic),
    "number of threads": (torch.get_num_threads, torch.set_num_threads),
    "garbage collection": (gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    "garbage collection thresholds": (gc.get_threshold, lambda numbers: gc.set_threshold(*numbers)),
    "floating-point errors of NumPy": (np.geterr, lambda how: np.seterr(**how)),
    "print options of NumPy": (np.get_printoptions, lambda how: np.set_printoptions(**how)),
    "default device": (torch.get_default_device, _set_device),
    "precision of float32 products": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    "cuDNN": (_cudnn, _set_cudnn),
    "recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "warning filters": (lambda: list(warnings.filters), _set_filters),
}


def _global() -> dict[str, Any]:
    return {name: read() for name, (read, _) in _GLOBAL.items()}


def _settings(dynamics: nn.Module) -> dict[str, Any]:
    return _global() | {
        "training mode of the dynamics": [module.training for module in dynamics.modules()],
        "which parameters the dynamics has": [(name, id(p)) for name, p in dynamics.named_parameters()],
        "dtype or device of parameters": [(p.dtype, p.device) for p in dynamics.parameters()],
        "which parameters require a gradient": [p.requires_grad for p in dynamics.parameters()],
    }


@contextmanager
def restored() -> Iterator[None]:
    """Undo at the end what a layer may have changed globally, random states included."""
    states, before = read_generators(), _global()
    try:
        yield
    finally:
        set_generators(states)
        for name, value in _global().items():
            if value != before[name]:
                _GLOBAL[name][1](before[name])


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed the global random generators, and undo at the end what a layer may have changed globally."""
    with restored():
        seed_generators(seed)
        yield
