"""Peak resident memory of a fresh process: what the operating system sees, whoever allocated it."""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

_T = TypeVar("_T")
_MEBIBYTE = 2**20
_SECONDS_BETWEEN_SAMPLES = 0.002
# Blocks of this many bytes get pages of their own, which go back to the system at once (mallopt(3)):
# otherwise the peak depends on how the heap is fragmented.
_BLOCK = {"MALLOC_MMAP_THRESHOLD_": "65536"}


@dataclass(frozen=True)
class ProcessMemory:
    """Peaks of child processes over step counts, beside those of controls without the layer, in bytes."""

    n: tuple[float, ...]
    peaks: tuple[int, ...]
    controls: tuple[int, ...]
    state_bytes: int

    @property
    def states(self) -> tuple[float, ...]:
        """States by which the peak lies above that of the control."""
        return tuple((p - c) / self.state_bytes for p, c in zip(self.peaks, self.controls, strict=True))

    @property
    def slope(self) -> float:
        """States per step, by least squares."""
        return float(np.polyfit(self.n, self.states, 1)[0])

    @property
    def noise(self) -> float:
        """Standard deviation of the states around the line."""
        residuals = np.subtract(self.states, np.polyval(np.polyfit(self.n, self.states, 1), self.n))
        return math.sqrt(float(np.sum(residuals**2)) / max(1, len(self.n) - 2))

    @property
    def slope_error(self) -> float:
        """Standard error of the slope."""
        return self.noise / math.sqrt(float(np.sum((np.array(self.n) - np.mean(self.n)) ** 2)))


def peak_resident(call: Callable[..., _T], *arguments: Any) -> tuple[int, _T]:
    """Return the peak resident bytes of a fresh process that runs `call(*arguments)`, and what it returns.

    The process is spawned, not forked, so nothing of this one counts; `call` is imported there by name.  The
    peak includes the interpreter and everything imported: compare it with that of a control.

    Raises
    ------
    concurrent.futures.process.BrokenProcessPool
        If the process dies.
    """
    spawn = multiprocessing.get_context("spawn")
    with _own_pages_for_blocks(), ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_sampled, call, arguments).result()


def _sampled(call: Callable[..., _T], arguments: tuple[Any, ...]) -> tuple[int, _T]:
    """Run `call` while memory_profiler watches this process from another one."""
    from memory_profiler import memory_usage

    peak, result = memory_usage(
        (call, arguments), interval=_SECONDS_BETWEEN_SAMPLES, max_usage=True, retval=True, max_iterations=1
    )
    return round(peak * _MEBIBYTE), result


@contextmanager
def _own_pages_for_blocks() -> Iterator[None]:
    """Let processes that start inside inherit how glibc allocates blocks; other systems ignore it."""
    before = {name: os.environ.get(name) for name in _BLOCK}
    os.environ.update(_BLOCK)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
