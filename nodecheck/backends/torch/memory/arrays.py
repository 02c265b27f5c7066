"""Bytes held in NumPy arrays: outside PyTorch's allocators, and unseen by autograd."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

import numpy as np

_T = TypeVar("_T")


def numpy_bytes(call: Callable[[], _T]) -> tuple[_T, int]:
    """Return `call()`, and the bytes of NumPy data that were allocated in it and are still held.

    NumPy reports its data to `tracemalloc` in a domain of its own, so the count is exact, and free of the
    interpreter's own objects.  Garbage is not collected in between.  Arrays that share the memory
    of a tensor are the tensor's.
    """
    enabled, traced = gc.isenabled(), tracemalloc.is_tracing()
    gc.disable()
    if not traced:
        tracemalloc.start()
    try:
        before = _numpy_now()
        result = call()
        return result, _numpy_now() - before
    finally:
        if not traced:
            tracemalloc.stop()
        if enabled:
            gc.enable()


def _numpy_now() -> int:
    domain = tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([domain]).traces)
