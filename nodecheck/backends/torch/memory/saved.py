"""Bytes held for the backward pass, as autograd itself sees them: the saved-tensor hooks."""

from __future__ import annotations

import weakref
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

# What torch.func says where hooks are active: then this instrument cannot be used.
_REFUSAL = "saved tensor hooks"


class SavedBytes:
    """Context that records what autograd saves; `held()` counts what of it is still held.

    The counts are exact, and the same on every device.  Storages are counted once however many tensors share
    them, and what the graph has dropped is not counted, because only the graph keeps the holders alive.  What
    a layer keeps elsewhere (attributes of ctx, lists, arrays) does not pass through these hooks.
    """

    def __init__(self) -> None:
        self._holders: weakref.WeakSet[_Holder] = weakref.WeakSet()
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, _unpack)

    def _pack(self, tensor: Tensor) -> _Holder:
        # Detached: an output that is saved would otherwise keep its own graph alive, in a cycle through here.
        holder = _Holder(tensor.detach())
        self._holders.add(holder)
        return holder

    def held(self) -> int:
        """Return the bytes of the storages that are held for backward now."""
        storages = (holder.tensor.untyped_storage() for holder in self._holders)
        # Compared while all of them are alive: no two have one address.
        return sum({storage._cdata: storage.nbytes() for storage in storages}.values())

    def __enter__(self) -> Self:
        self._hooks.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hooks.__exit__(kind, error, trace)


class _Holder:
    """Stands for a saved tensor in the graph."""

    __slots__ = ("__weakref__", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def _unpack(holder: _Holder) -> Tensor:
    return holder.tensor


def hooks_refused(error: Exception) -> bool:
    """Return True if an error says that saved-tensor hooks cannot be used (torch.func refuses them)."""
    return isinstance(error, RuntimeError) and _REFUSAL in str(error)
