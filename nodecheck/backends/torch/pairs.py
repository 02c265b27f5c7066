"""Layers whose state is a pair of tensors, used like those whose state is one.

The battery sees the joined state.  The layer sees its two parts: views of y0, as of a state that another
module computes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nodecheck.layers.errors import CallError, LayerError
from nodecheck.layers.pair import PARTS, slice_of

Pair = tuple[Tensor, Tensor]


def split(y: Tensor) -> Pair:
    """Return the two parts of a state of shape (..., d), d > 2; the second one is wider."""
    first, second = (y[..., slice_of(part, y.shape[-1])] for part in PARTS)
    return first, second


class OfPairs(nn.Module):
    """The dynamics of a pair: ``f(t, (y1, y2))`` is the pair of its parts."""

    def __init__(self, dynamics: nn.Module) -> None:
        super().__init__()
        self.dynamics = dynamics

    def forward(self, t: Any, state: Pair) -> Pair:
        """Return f(t, y) in two parts.

        Raises
        ------
        CallError
            If the state is no pair of tensors of the shapes of y0.
        """
        if not _is_pair(state) or state[0].shape[:-1] != state[1].shape[:-1]:
            message = f"expected dynamics(t, (y1, y2)), got {described(state)} for y; pass both tensors"
            raise CallError(message)
        return split(self.dynamics(t, torch.cat(list(state), dim=-1)))


class JoinedPair(nn.Module):
    """A layer for pairs as a layer for one state, which is split on the way in and joined on the way out.

    It is a module: a change of its mode, train or eval, reaches the layer.
    """

    def __init__(self, call: Callable[..., Any], outputs: int | None) -> None:
        super().__init__()
        self.call, self.outputs = call, outputs

    def forward(self, y0: Tensor) -> Tensor:
        """Return y1, or ys of this number of output times, joined along the last axis."""
        return torch.cat(self.parts(split(y0)), dim=-1)

    def final(self, y0: Pair) -> Pair:
        """Return y1 as a pair."""
        first, second = self.parts(y0)
        return (first, second) if self.outputs is None else (first[-1], second[-1])

    def parts(self, y0: Pair) -> Pair:
        """Return the pair that the layer returns.

        Raises
        ------
        LayerError
            If it returns anything else than two tensors of the shapes of y0.
        """
        found = self.call(y0)
        times = () if self.outputs is None else (self.outputs,)
        shapes = [(*times, *part.shape) for part in y0]
        if _is_pair(found) and [part.shape for part in found] == shapes:
            return found[0], found[1]
        message = (
            f"expected a tuple of two tensors of shapes {shapes[0]} and {shapes[1]} of a layer with "
            f'output="pair", got {described(found)}; return both parts of the state, `return y1, y2`'
        )
        raise LayerError(message)


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(one, Tensor) for one in value)
    )


def described(value: Any) -> str:
    """Return the type of a value in words, with the shapes of tensors."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(described, value))})"
    return type(value).__name__
