"""Copies of a user's module, in which nothing of the user's is changed."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

__all__ = ["copied"]


def copied(dynamics: nn.Module) -> nn.Module:
    """Return a copy; a tensor that is kept in the module together with its graph becomes a leaf.

    Raises
    ------
    ValueError
        If the module cannot be copied.
    """
    memo: dict[int, Any] = {}
    for module in dynamics.modules():
        for kept in vars(module).values():
            for tensor in _values(kept):
                if isinstance(tensor, Tensor) and not tensor.is_leaf:
                    memo[id(tensor)] = tensor.detach().clone().requires_grad_(True)
    try:
        return copy.deepcopy(dynamics, memo)
    except (RuntimeError, TypeError) as error:
        message = (
            f"dynamics must be a module that copy.deepcopy can copy, got {type(error).__name__}: {error}; "
            "keep in it no tensors of earlier calls, and no objects without a copy"
        )
        raise ValueError(message) from error


def _values(kept: object) -> tuple[object, ...]:
    """Return the elements of a dictionary, a tuple or a list; of another object, itself alone."""
    if isinstance(kept, dict):
        return tuple(kept.values())
    return tuple(kept) if isinstance(kept, tuple | list) else (kept,)
