"""The arguments of `from_module`: a module that is a field, and a batch of states."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nodecheck.problems.modules.copies import copied
from nodecheck.problems.modules.field import ModuleField

__all__ = ["field_of_module"]

# What a module raises that cannot be called so.
_REFUSALS = (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError, AssertionError)


def field_of_module(module: nn.Module, y0: Tensor, t0: float) -> ModuleField:
    """Return the field of the float64 copy of a module, after it has been called once.

    Raises
    ------
    TypeError, ValueError
        If it is no module, or cannot be called with y0 in float64.
    """
    _require_module(module)
    _require_batch(y0)
    own = copied(module).to("cpu", torch.float64)
    own.zero_grad()
    expected = f"module(t, y) must return a float64 tensor of the shape of y, {tuple(y0.shape)}"
    try:
        with torch.no_grad():
            t = torch.tensor(float(t0), dtype=torch.float64)
            value = own(t, y0.detach().to("cpu", torch.float64, copy=True))
    except _REFUSALS as error:
        message = (
            f"{expected}, got {type(error).__name__}: {(str(error).splitlines() or [''])[0]}; it is called "
            "with a time without axes, in float64: let it take its dtype from y, as by `t.to(y)`"
        )
        raise ValueError(message) from error
    if not isinstance(value, Tensor) or value.shape != y0.shape or value.dtype != torch.float64:
        message = (
            f"{expected}, got {_described(value)}; let it take its dtype from y, without `.float()`, and "
            "return dy/dt alone"
        )
        raise ValueError(message)
    return ModuleField(own, tuple(y0.shape[1:]))


def _require_module(module: Any) -> None:
    if isinstance(module, nn.Module) and not isinstance(module, torch.jit.ScriptModule):
        return
    message = (
        f"module must be an nn.Module, got {type(module).__name__}; give the module itself, before "
        "torch.jit.script, or make one of the function"
    )
    raise TypeError(message)


def _require_batch(y0: Any) -> None:
    if isinstance(y0, Tensor) and y0.is_floating_point() and y0.ndim > 1 and y0.numel():
        return
    message = (
        f"y0 must be a real tensor of shape (B, ...), a batch of states, got {_described(y0)}; add the axis "
        "of the batch by y0[None], and join the tensors of a tuple"
    )
    raise TypeError(message)


def _described(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype} of shape {tuple(value.shape)}"
    return type(value).__name__
