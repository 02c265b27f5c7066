"""One interval for each member of the batch: all are solved over s from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["MemberField", "MemberTimes", "member_times"]


@dataclass(frozen=True)
class MemberTimes:
    """The start and the end of the interval of each member, shape (B,), float64."""

    start: Tensor
    stop: Tensor

    def join(self, parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the parts of the state with the times of the members as two more, which rest.

        As parts of the state they get a gradient like any other, whatever the adjoint.

        Raises
        ------
        ValueError
            If the batch of the state is another one, or its dtype is complex.
        """
        first = parts[0]
        if first.shape[:1] != self.start.shape or not first.is_floating_point():
            raise ValueError(
                f"t0 and t1 of shape {tuple(self.start.shape)} need a real state with a first axis of that "
                f"length, got shape {tuple(first.shape)} and {first.dtype}; give one time for each member"
            )
        return (*parts, *(t.to(dtype=first.dtype, device=first.device) for t in (self.start, self.stop)))

    def __str__(self) -> str:
        return f"{len(self.start)} intervals"


class MemberField(nn.Module):
    """The derivative with respect to s, where t = t0 + s (t1 - t0) for each member.

    The dynamics are its only submodule, so that it has their parameters, buffers and modes.
    """

    def __init__(self, dynamics: Callable[..., Any], *, single: bool) -> None:
        super().__init__()
        self.dynamics = dynamics
        self.single = single
        """True if the state of the dynamics is one tensor, and no tuple."""

    def forward(self, s: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return (t1 - t0) f(t, y) and zeros for both times."""
        *parts, start, stop = state
        t = torch.lerp(start, stop, s)  # exact at both ends
        found = self.dynamics(t, parts[0] if self.single else tuple(parts))
        slopes = (found,) if self.single else tuple(found)
        length = stop - start
        scaled = (length.view(-1, *(1,) * (k.ndim - 1)) * k for k in slopes)
        return (*scaled, torch.zeros_like(start), torch.zeros_like(stop))


def member_times(t0: Any, t1: Any) -> MemberTimes | None:
    """Return the times of members if t0 or t1 is a tensor with an axis; one time stands for all members.

    Raises
    ------
    ValueError
        If they have more axes, different lengths, or entries that are not finite.
    """
    if not any(isinstance(t, Tensor) and t.ndim for t in (t0, t1)):
        return None
    start, stop = (torch.as_tensor(t, dtype=torch.float64) for t in (t0, t1))
    shapes = {tuple(t.shape) for t in (start, stop) if t.ndim}
    if len(shapes) > 1 or max(start.ndim, stop.ndim) > 1:
        raise ValueError(
            f"t0 and t1 must be one time, or one for each member of the batch, got shapes "
            f"{tuple(start.shape)} and {tuple(stop.shape)}; give both the shape (B,)"
        )
    if not (torch.isfinite(start).all() and torch.isfinite(stop).all()):
        raise ValueError(
            f"t0 and t1 must be finite, got {start.tolist()} and {stop.tolist()}; choose finite intervals"
        )
    (shape,) = shapes
    return MemberTimes(start.expand(shape), stop.expand(shape))
