"""Times of the steps and of their stages."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from nodecheck.numerics.constants import EPS, GRID_TIME_ROUNDINGS
from nodecheck.numerics.tableau import Coefficient

__all__ = ["Segment", "node_times", "segments_through", "stage_times", "with_ends"]


@dataclass(frozen=True)
class Segment:
    """`n_steps` equal steps from time `start` to time `stop`, which may be the smaller one.

    A segment without steps stands for an output at its start.  Where gradients with respect to times are
    asked for, `ends` holds start and stop as tensors, of which times and steps are then functions.
    """

    start: float
    stop: float
    n_steps: int
    ends: tuple[Tensor, Tensor] | None = field(default=None, repr=False, compare=False)

    @property
    def step(self) -> float:
        """The signed step size, in float64; 0.0 for a segment without steps."""
        return (self.stop - self.start) / self.n_steps if self.n_steps else 0.0

    @property
    def length(self) -> Tensor | None:
        """The signed length as a function of the ends, a 0-d tensor; None where they are numbers."""
        return None if self.ends is None else self.ends[1] - self.ends[0]

    def detached(self) -> Segment:
        """Return the segment with numbers for its ends."""
        return replace(self, ends=None)


def with_ends(segments: Sequence[Segment], times: Sequence[object]) -> tuple[Segment, ...]:
    """Return consecutive segments with tensors for their ends, if one of these times requires a gradient.

    Parameters
    ----------
    segments
        Consecutive segments.
    times
        The start of the first one and the stop of each, as they were given: numbers or 0-d tensors.
    """
    if not any(isinstance(t, Tensor) and t.requires_grad for t in times):
        return tuple(segments)
    ends = [torch.as_tensor(t, dtype=torch.float64, device="cpu").reshape(()) for t in times]
    return tuple(
        replace(segment, ends=pair) for segment, pair in zip(segments, itertools.pairwise(ends), strict=True)
    )


def _times(segment: Segment, positions: Tensor, like: Tensor) -> tuple[Tensor, ...]:
    """Return the times at these positions, counted in steps from the start, rounded once to `like`'s dtype.

    Nothing is accumulated: of 1001 times accumulated in bfloat16, only 507 are distinct.  Both ends are hit
    exactly, because `torch.lerp` measures from the nearer end.
    """
    start, stop = segment.ends or (
        torch.tensor(end, dtype=torch.float64, device="cpu") for end in (segment.start, segment.stop)
    )
    times = torch.lerp(start, stop, positions / max(segment.n_steps, 1))
    # Rounded before the copy: some devices have no float64, and one copy is cheaper than n_steps copies.
    return times.to(like.dtype.to_real()).to(like.device).flatten().unbind()


def stage_times(
    segment: Segment,
    nodes: Sequence[Coefficient],
    like: Tensor,
    *,
    steps: range | None = None,
    backward: bool = False,
) -> list[tuple[Tensor, ...]]:
    """Return the times of the stages of each step.

    Parameters
    ----------
    segment : Segment
        The steps.
    nodes : sequence of s numbers
        The nodes c of the tableau.
    like : Tensor
        The state: the times have its real dtype and its device.
    steps : range or None
        The steps, counted from the first one in the direction of the walk; None for all of them.
    backward : bool
        True to walk from `stop` to `start`, over the same grid points.

    Returns
    -------
    list of len(steps) tuples of s 0-d tensors
    """
    chosen = range(segment.n_steps) if steps is None else steps
    first = torch.arange(chosen.start, chosen.stop, chosen.step, dtype=torch.float64, device="cpu")[:, None]
    # Counted in steps from `start` in both directions, so that both have bitwise the same grid points.
    positions = first + torch.tensor([float(c) for c in nodes], dtype=torch.float64, device="cpu")
    if backward:
        positions = segment.n_steps - positions
    times = _times(segment, positions, like)
    s = len(nodes)
    return [times[i * s : (i + 1) * s] for i in range(len(chosen))]


def node_times(segment: Segment, like: Tensor, *, backward: bool = False) -> Tensor:
    """Return the ends of the steps in the direction of the walk, shape (n_steps + 1,)."""
    positions = torch.arange(segment.n_steps + 1, dtype=torch.float64, device="cpu")
    return torch.stack(_times(segment, positions.flip(0) if backward else positions, like))


def segments_through(t0: float, t1: float, n_steps: int, ts: Sequence[float]) -> tuple[Segment, ...]:
    """Return one segment per time in `ts`, the first from `t0`, each ending exactly at its time.

    Every step is at most as long as the `n_steps` steps from `t0` to `t1`, so that times on that grid leave
    the grid unchanged.

    Raises
    ------
    ValueError
        If `ts` is empty, leaves the interval, or changes direction.
    """
    if len(ts) == 0:
        raise ValueError(f"ts must hold at least one time, got {ts!r}; pass [t1] for the solution at the end")
    span, segments, here = t1 - t0, [], t0
    for t in ts:
        if not min(t0, t1) <= t <= max(t0, t1):
            raise ValueError(
                f"every time in ts must lie between t0 = {t0!r} and t1 = {t1!r}, got {t!r}; "
                "leave it out, or build the layer for a longer interval"
            )
        if (t - here) * math.copysign(1.0, span) < 0.0:
            raise ValueError(
                f"ts must run from t0 = {t0!r} towards t1 = {t1!r} without turning back, "
                f"got {t!r} after {here!r}; sort ts in the direction of integration"
            )
        segments.append(Segment(here, t, _steps_needed(here, t, t0, t1, n_steps)))
        here = t
    return tuple(segments)


def _steps_needed(here: float, there: float, t0: float, t1: float, n_steps: int) -> int:
    """Return the smallest number of steps from here to there that are no longer than (t1 - t0) / n_steps."""
    if here == there:
        return 0
    exact = n_steps * (there - here) / (t1 - t0)
    # Both times may be rounded grid points: their rounding, counted in steps.
    slack = n_steps * GRID_TIME_ROUNDINGS * EPS * max(abs(t0), abs(t1)) / abs(t1 - t0)
    return max(1, math.ceil(exact - min(slack, 0.5)))
