"""States of several parts, as one state for the solvers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["JoinedField", "Parts", "parts_of"]


@dataclass(frozen=True)
class Parts:
    """The shapes of the parts of a state, whose first axis is the batch.

    The joined state has shape (B, sum of the sizes of one member's parts).
    """

    shapes: tuple[torch.Size, ...]

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Return the parts as one tensor."""
        return torch.cat([part.flatten(1) if part.ndim > 1 else part[:, None] for part in parts], dim=1)

    def split(self, joined: Tensor) -> tuple[Tensor, ...]:
        """Return the parts of a joined state, or of several along leading axes."""
        widths = [math.prod(shape[1:]) for shape in self.shapes]
        leading = joined.shape[:-2]
        split = torch.split(joined, widths, dim=-1)
        return tuple(part.reshape(*leading, *shape) for part, shape in zip(split, self.shapes, strict=True))


class JoinedField(nn.Module):
    """A field of several parts as a field of their joined state.

    The dynamics are its only submodule, so that it has their parameters, buffers and modes.
    """

    def __init__(self, dynamics: Callable[..., Sequence[Tensor]], parts: Parts) -> None:
        super().__init__()
        self.dynamics = dynamics
        self.parts = parts

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        """Return dy/dt of the joined state.

        Raises
        ------
        TypeError
            If the dynamics return no tuple or list of tensors.
        ValueError
            If their number or their shapes are not those of the state.
        """
        slopes = self.dynamics(t, self.parts.split(y))
        if not isinstance(slopes, tuple | list) or not all(isinstance(k, Tensor) for k in slopes):
            raise TypeError(
                f"dynamics(t, y) must return a tuple of tensors where y is one, got {type(slopes).__name__}; "
                "return the derivative of each part"
            )
        shapes = tuple(k.shape for k in slopes)
        if shapes != self.parts.shapes:
            raise ValueError(
                f"dynamics(t, y) must return the shapes of y, {_listed(self.parts.shapes)}, got "
                f"{_listed(shapes)}; return the derivative of each part, in the order of y"
            )
        return self.parts.join([k if k.dtype == y.dtype else k.to(y.dtype) for k in slopes])


def parts_of(y0: Sequence[Tensor]) -> Parts:
    """Return the parts of a state.

    Raises
    ------
    TypeError
        If there is none, one is no tensor, or they differ in dtype.
    ValueError
        If they have no batch axis in common.
    """
    if not y0 or not all(isinstance(part, Tensor) for part in y0):
        kinds = ", ".join(type(part).__name__ for part in y0) or "nothing"
        raise TypeError(f"y0 must be a tensor or a tuple of tensors, got a tuple of {kinds}; pass tensors")
    if len({part.dtype for part in y0}) > 1:
        raise TypeError(
            f"the parts of y0 must have one dtype, got {', '.join(str(part.dtype) for part in y0)}; "
            "convert them to the one in which the state is to be computed"
        )
    shapes = tuple(part.shape for part in y0)
    if not all(shapes) or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(
            f"the parts of y0 must share their first axis, the batch, got {_listed(shapes)}; "
            "give each part a batch axis of the same length"
        )
    return Parts(shapes)


def _listed(shapes: Sequence[torch.Size]) -> str:
    return " and ".join(str(tuple(shape)) for shape in shapes)
