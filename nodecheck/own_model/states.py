"""States of any shape, tensors or tuples, as matrices with one row for each member of the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nodecheck.neural_ode.parts import Parts

__all__ = ["Layout", "State", "layout_of", "mapped", "parts"]

State = Tensor | tuple[Tensor, ...]


def parts(state: State) -> tuple[Tensor, ...]:
    """Return the tensors of a state."""
    return tuple(state) if isinstance(state, tuple | list) else (state,)


def mapped(function: Callable[[Tensor], Tensor], state: State) -> State:
    """Return the state with the function of each of its tensors."""
    if isinstance(state, tuple | list):
        return tuple(function(part) for part in state)
    return function(state)


@dataclass(frozen=True)
class Layout:
    """The shapes of a state, and its form as a matrix (B, D); one row if the parts share no batch axis."""

    shapes: tuple[torch.Size, ...]
    several: bool
    batched: bool

    def join(self, state: State) -> Tensor:
        """Return the state as a matrix."""
        return self._parts.join([part if self.batched else part[None] for part in parts(state)])

    def split(self, joined: Tensor) -> State:
        """Return the state of a matrix (..., B, D), with its leading axes."""
        leading = joined.shape[:-2]
        found = [
            part.reshape((*leading, *shape))
            for part, shape in zip(self._parts.split(joined), self.shapes, strict=True)
        ]
        return tuple(found) if self.several else found[0]

    def is_final(self, output: State) -> bool:
        """Return True if an output is the last state alone, and has no axis of times."""
        return parts(output)[0].ndim == len(self.shapes[0])

    @property
    def _parts(self) -> Parts:
        return Parts(self.shapes if self.batched else tuple(torch.Size((1, *s)) for s in self.shapes))


def layout_of(state: State) -> Layout:
    """Return the layout of a state."""
    shapes: Sequence[torch.Size] = [part.shape for part in parts(state)]
    batched = all(len(s) > 0 for s in shapes) and len({s[0] for s in shapes if s}) == 1
    return Layout(tuple(shapes), isinstance(state, tuple | list), batched)
