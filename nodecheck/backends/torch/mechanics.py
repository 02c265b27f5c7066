"""The dynamics of a layer of second order: the acceleration alone, called as ``dynamics(t, q, v)``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nodecheck.backends.torch.pairs import described
from nodecheck.layers.errors import CallError

_ADVICE = "give a layer that calls f(t, y) with y = (q, v) adapt.first_order(dynamics)"
_ADVICE_WITHOUT = "claim supports={'second-order', 'separable'} for a layer whose force is a(t, q)"


class Acceleration(nn.Module):
    """The second half of f(t, (q, v)) as a module of its own; separable: v may be left out."""

    def __init__(self, dynamics: nn.Module, *, separable: bool) -> None:
        super().__init__()
        self.dynamics, self.separable = dynamics, separable

    def forward(self, t: Any, *state: Any) -> Tensor:
        """Return a(t, q, v), of the shape and dtype of `q`.

        Raises
        ------
        CallError
            If q and v are not two tensors of one shape.
        """
        if len(state) == 1 and self.separable and isinstance(state[0], Tensor):
            state = (state[0], torch.zeros_like(state[0]))
        if len(state) != 2 or not _alike(*state):
            seen = ", ".join(["t", *map(described, state)])
            advice = f"{_ADVICE_WITHOUT}; {_ADVICE}" if len(state) == 1 else _ADVICE
            message = f"expected dynamics(t, q, v), q and v of one shape, got dynamics({seen}); {advice}"
            raise CallError(message)
        q, v = state
        value: Tensor = self.dynamics(t, torch.cat([q, v], dim=-1))
        return value[..., q.shape[-1] :]


def _alike(q: Any, v: Any) -> bool:
    return isinstance(q, Tensor) and isinstance(v, Tensor) and q.shape == v.shape and q.ndim > 0
