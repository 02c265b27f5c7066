"""Bytes of all tensors that are alive, now and at most, wherever they are kept."""

from __future__ import annotations

import contextlib
import sys
import weakref
from array import array
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class LiveBytes(Protocol):
    """An instrument that knows how many bytes of tensors made inside it are alive."""

    @property
    def live(self) -> int:
        """Bytes alive now."""

    @property
    def peak(self) -> int:
        """Most bytes alive at once since the last `restart`."""

    @property
    def course(self) -> Sequence[int]:
        """Bytes alive at each tensor that an operator returned since the last `restart`; () where unknown."""

    def restart(self) -> None:
        """Let peak and course start from what is alive now."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def live_bytes(device: torch.device) -> LiveBytes:
    """Return the instrument for a device: the allocator's own count on CUDA, a dispatch-level one on CPU."""
    return _CudaBytes(device) if device.type == "cuda" else _DispatchedBytes()


class _DispatchedBytes(contextlib.AbstractContextManager["_DispatchedBytes"]):
    """Counts the storages that operators return, and when they die.

    Below autograd every operator passes through one place, in the backward pass too.  What a kernel needs
    while it runs is not seen; what any Python object keeps alive is.  About 5 µs an operator.
    """

    def __init__(self) -> None:
        self.live = self.peak = 0
        self.course = array("q", [0])
        self._known: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._mode = _observer()(self._note)

    def restart(self) -> None:
        self.peak = self.live
        self.course = array("q", [self.live])

    def _note(self, tensor: Tensor) -> None:
        if tensor.layout is not torch.strided:
            return
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        known = self._known.get(key)
        if known is None:
            known = (weakref.ref(storage, lambda _: self._gone(key)), 0)
        self._known[key] = (known[0], size)
        self.live += size - known[1]  # a storage may be resized in place
        self.peak = max(self.peak, self.live)
        self.course.append(self.live)

    def _gone(self, key: int) -> None:
        self.live -= self._known.pop(key)[1]

    def __enter__(self) -> Self:
        self._mode.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mode.__exit__(kind, error, trace)  # type: ignore[no-untyped-call]


def _dispatch(
    mode: _Observe, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
) -> Any:
    """Run an operator and show every tensor that it returns."""
    result = func(*args, **(kwargs or {}))
    for value in result if isinstance(result, tuple | list) else (result,):
        if isinstance(value, Tensor):
            mode.note(value)
    return result


class _Observe(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Shows every tensor that an operator returns to a function.

    Torch wraps `__torch_dispatch__` so that its compiler leaves it alone.
    """

    def __init__(self, note: Callable[[Tensor], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.note = note

    __torch_dispatch__ = _dispatch


class _ObserveWithoutCompiler(_Observe):  # type: ignore[no-untyped-call]
    """The same without the wrapper, which imports the compiler (one second) and costs 3 µs an operator."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:  # asked by torch 2.6 and later; before there was no wrapper
        return False

    __torch_dispatch__ = _dispatch


def _observer() -> type[_Observe]:
    """Return the wrapped class where there is a compiler to be kept out, else the quick one."""
    return _Observe if "torch._dynamo" in sys.modules else _ObserveWithoutCompiler


class _CudaBytes(contextlib.AbstractContextManager["_CudaBytes"]):
    """The bytes that PyTorch's caching allocator has handed out on one device, 512 at a time.

    Allocated bytes, not reserved ones: what the allocator keeps for later is nobody's.  Workspaces of
    libraries are there before the first measurement only after a warm-up.
    """

    course: Sequence[int] = ()  # the allocator keeps its peak, not when that was

    def __init__(self, device: torch.device) -> None:
        self._device, self._before = device, 0

    @property
    def live(self) -> int:
        return torch.cuda.memory_allocated(self._device) - self._before

    @property
    def peak(self) -> int:
        return torch.cuda.max_memory_allocated(self._device) - self._before

    def restart(self) -> None:
        torch.cuda.reset_peak_memory_stats(self._device)

    def __enter__(self) -> Self:
        self._before = torch.cuda.memory_allocated(self._device)
        self.restart()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        torch.cuda.synchronize(self._device)
