"""Schemes: a forward loop, and the backward loop that recomputes its states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from nodecheck.neural_ode.explicit import VectorField
from nodecheck.neural_ode.grid import Segment
from nodecheck.neural_ode.vjp import Vjp

__all__ = ["Method", "Scheme"]

Method = TypeVar("Method")
"""A numerical method: a tableau, or an embedded pair of methods with its tolerances."""


@dataclass(frozen=True)
class Scheme(Generic[Method]):
    """A forward loop, and a backward loop that starts from the states which the forward loop returned.

    Attributes
    ----------
    adjoint : str
        The name in ``ODELayer(..., adjoint=name)`` and in messages.
    integrate : function
        ``(field, state, segments, method)`` -> the state at the end of each segment.
    pull_back : function
        ``(vjp, state, adjoint, sums, segment, method)`` -> the adjoint at the segment's start, from the
        state and the adjoint at its end.  The parts of dL/dtheta are added to `sums`, in place.
    """

    adjoint: str
    integrate: Callable[[VectorField, Tensor, Sequence[Segment], Method], list[Tensor]]
    pull_back: Callable[[Vjp, Tensor, Tensor, list[Tensor | None], Segment, Method], Tensor]
