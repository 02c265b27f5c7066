"""The global generators of random numbers: their states, read, set and seeded."""

# ruff: noqa: NPY002
# The generator that all of a process shares is what is looked at here.

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

_LARGEST_SEED = 2**32  # of NumPy


def seed_generators(seed: int) -> None:
    """Seed the global generators of PyTorch, NumPy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed % _LARGEST_SEED)
    random.seed(seed)


def read_generators() -> tuple[Any, ...]:
    """Return the states of the generators, to be handed to `set_generators`."""
    return torch.get_rng_state(), np.random.get_state(), random.getstate(), _of_devices()


def _of_devices() -> tuple[torch.Tensor, ...]:
    """Return the states on CUDA devices; none before anything has run there, and nothing starts them here."""
    return tuple(torch.cuda.get_rng_state_all()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]


def set_generators(states: tuple[Any, ...]) -> None:
    """Set the states of the generators."""
    of_torch, of_numpy, of_python, of_devices = states
    torch.set_rng_state(of_torch)
    if of_devices:
        torch.cuda.set_rng_state_all(of_devices)
    np.random.set_state(of_numpy)
    random.setstate(of_python)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the generators, and restore their states at the end."""
    states = read_generators()
    seed_generators(seed)
    try:
        yield
    finally:
        set_generators(states)


def comparable_states() -> Mapping[str, Hashable]:
    """Return the state of each generator by its name, as something to compare."""
    of_torch, of_numpy, of_python, of_devices = read_generators()
    kind, keys, *rest = of_numpy
    return {
        "torch": of_torch.numpy().tobytes(),
        "NumPy": (kind, keys.tobytes(), *rest),
        "Python": of_python,
        **{f"CUDA device {k}": state.numpy().tobytes() for k, state in enumerate(of_devices)},
    }
