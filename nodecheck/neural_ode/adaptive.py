"""Explicit Runge-Kutta steps whose size follows the estimated error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from nodecheck.neural_ode.explicit import VectorField, advance, begin, beside, moved, slope
from nodecheck.neural_ode.grid import Segment
from nodecheck.neural_ode.step_control import StepControl, StepSize, first_step, norm, scale_of
from nodecheck.numerics.pairs import EmbeddedPair
from nodecheck.numerics.tableau import Coefficient

__all__ = [
    "Attempt",
    "Front",
    "attempt",
    "error_of",
    "integrate_adaptively",
    "repeat",
    "start",
    "times_of",
    "walk",
]


class Attempt(NamedTuple):
    """A step that was tried: its ends, and True if it was accepted."""

    start: float
    stop: float
    accepted: bool


@dataclass
class Front:
    """The progress of a solve.

    Attributes
    ----------
    t : float
        The time.
    y : Tensor
        The state there.
    k : Tensor or None
        The slope there, where it is known already.
    size : StepSize or None
        The control of the step size; None before the first step.
    """

    t: float
    y: Tensor
    k: Tensor | None = None
    size: StepSize | None = None


def integrate_adaptively(
    vector_field: VectorField, y0: Tensor, segments: Sequence[Segment], control: StepControl
) -> list[Tensor]:
    """Return the solution at the end of each segment.

    A step ends at the end of each segment, so that every output has the order of the method.  All operations
    are differentiable, except for the choice of the steps: autograd through this function differentiates the
    accepted steps, each a constant share of its segment.  Parameters and return value are those of
    `nodecheck.neural_ode.explicit.integrate`, with a `StepControl` in place of the tableau.

    Raises
    ------
    RuntimeError
        If too many steps are tried, or if no step is small enough.
    """
    front, outputs = Front(segments[0].start, begin(y0)), []
    for segment in segments:
        start(vector_field, front, segment, control)
        walk(vector_field, front, segment, control)
        outputs.append(front.y if segment.n_steps or segment.ends else front.y.clone())
    return outputs


def start(vector_field: VectorField, front: Front, segment: Segment, control: StepControl) -> None:
    """Prepare a solve for the steps of a segment: the slope and the size of the first step."""
    y = moved(vector_field, front.y, segment)
    if y is not front.y:
        front.y, front.k = y, None  # the slope must know of the time with which the state moves
    if front.size is None and segment.n_steps:
        (t,) = times_of(segment, segment.start, segment.stop, (0.0,), y)
        front.k = slope(vector_field(t, y), y)
        size = first_step(vector_field, segment.start, segment.stop, y, front.k, control)
        front.size = StepSize(control, size)


def walk(
    vector_field: VectorField,
    front: Front,
    segment: Segment,
    control: StepControl,
    most: float = math.inf,
    tried: list[Attempt] | None = None,
) -> list[Attempt]:
    """Move the front to the end of a segment, or by `most` accepted steps, and return the steps tried.

    They are appended to `tried`, each before it is computed: a backward pass that the field itself asks for
    in the middle of a step can then repeat what was done so far.
    """
    tried = [] if tried is None else tried
    left = most
    while left and front.t != segment.stop:
        assert front.size is not None  # start() has been called
        stop = front.size.end_of_next(front.t, segment.stop)
        tried.append(Attempt(front.t, stop, accepted=False))
        y, ks = attempt(vector_field, front.y, front.k, segment, (front.t, stop), control.pair)
        error = error_of(front.y, y, ks, stop - front.t, control)
        accepted = front.size.accepts(error, abs(stop - front.t))
        tried[-1] = Attempt(front.t, stop, accepted)
        front.k = ks[0]
        if accepted:
            front.t, front.y, front.k = stop, y, ks[-1] if control.pair.last_is_first else None
            left -= 1
    return tried


def repeat(
    vector_field: VectorField,
    y: Tensor,
    k: Tensor | None,
    segment: Segment,
    tried: Sequence[Attempt],
    pair: EmbeddedPair,
) -> tuple[Tensor, Tensor | None]:
    """Return the state and the slope behind steps that were tried before, with all their evaluations."""
    for step in tried:
        end, ks = attempt(vector_field, y, k, segment, (step.start, step.stop), pair)
        k = ks[0]
        if step.accepted:
            y, k = end, ks[-1] if pair.last_is_first else None
    return y, k


def attempt(
    vector_field: VectorField,
    y: Tensor,
    k: Tensor | None,
    segment: Segment,
    ends: tuple[float, float],
    pair: EmbeddedPair,
) -> tuple[Tensor, list[Tensor]]:
    """Return the state at the end of one step and the slopes of its stages; k is the first if it is known."""
    method = pair.tableau.rounded
    times = times_of(segment, *ends, method.c, y)
    h = _step_of(segment, *ends, y)
    ks = [slope(vector_field(times[0], y), y) if k is None else k]
    stage = y
    for t, row in zip(times[1:], method.a[1:], strict=True):
        stage = advance(y, ks, row, h)
        ks.append(slope(vector_field(t, stage), stage))
    return stage if pair.last_is_first else advance(y, ks, method.b, h), ks


def _estimate(ks: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the sum of the slopes with these weights."""
    terms = [(k, w) for k, w in zip(ks, weights, strict=True) if w]
    total = terms[0][0] * terms[0][1]
    for k, w in terms[1:]:
        total = total.add_(k, alpha=w)
    return total


@torch.no_grad()
def error_of(
    y: Tensor,
    end: Tensor,
    ks: Sequence[Tensor],
    h: float,
    control: StepControl,
    *,
    atol: Tensor | None = None,
    parts: int = 0,
) -> float:
    """Return the norm of the estimated error of a step from y to `end`, in units of the tolerance.

    Absolute tolerances and parts are those of `scale_of` and `norm`.
    """
    scale = scale_of(torch.maximum(y.abs(), end.abs()), control, atol)
    return norm(_estimate(ks, control.pair.error).mul_(h).div_(scale), parts)


def times_of(
    segment: Segment, start: float, stop: float, nodes: Sequence[Coefficient], like: Tensor
) -> tuple[Tensor, ...]:
    """Return the times of the stages of one step, rounded once to `like`'s dtype."""
    h = stop - start
    values = [stop if c == 1 else start + float(c) * h for c in nodes]
    times = torch.tensor(values, dtype=torch.float64, device="cpu")
    if segment.ends is not None:
        times = torch.lerp(*segment.ends, (times - segment.start) / (segment.stop - segment.start))
    return times.to(like.dtype.to_real()).to(like.device).unbind()


def _step_of(segment: Segment, start: float, stop: float, like: Tensor) -> float | Tensor:
    """Return the signed length of one step, a function of the ends of the segment where these are tensors."""
    h = stop - start
    length = segment.length
    return h if length is None else beside(length * (h / (segment.stop - segment.start)), like)
