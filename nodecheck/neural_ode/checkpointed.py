"""Backpropagation through the steps, with memory that grows like the square root of their number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from nodecheck.neural_ode.adaptive import Attempt, Front, integrate_adaptively, repeat, start
from nodecheck.neural_ode.adaptive import walk as walk_adaptively
from nodecheck.neural_ode.explicit import VectorField, begin, integrate, moved, walk
from nodecheck.neural_ode.grid import Segment
from nodecheck.neural_ode.step_control import StepControl
from nodecheck.neural_ode.stretch import run_stretch
from nodecheck.numerics.tableau import ButcherTableau

__all__ = ["integrate_adaptively_with_checkpoints", "integrate_with_checkpoints"]


def integrate_with_checkpoints(
    vector_field: VectorField, y0: Tensor, segments: Sequence[Segment], tableau: ButcherTableau
) -> list[Tensor]:
    """Return the solution at the end of each segment, with the values and the gradient of `integrate`.

    The n steps are cut into stretches of about sqrt(n).  Only the first state of each stretch is saved.  The
    backward pass repeats one stretch at a time, with its graph: Chen, Xu, Zhang & Guestrin (2016), "Training
    Deep Nets with Sublinear Memory Cost".  Parameters are those of `integrate`.

    Raises
    ------
    RuntimeError
        In the backward pass, if a parameter or buffer was changed in place after the forward pass.
    """
    if not torch.is_grad_enabled():
        return integrate(vector_field, y0, segments, tableau)
    method = tableau.rounded
    length = math.isqrt(max(sum(segment.n_steps for segment in segments) - 1, 0)) + 1  # ceil(sqrt(n))
    y, outputs = _first(y0), []
    for segment in segments:
        y = moved(vector_field, y, segment)
        for first in range(0, segment.n_steps, length):
            steps = range(first, min(first + length, segment.n_steps))
            task = partial(walk, vector_field, segment=segment, steps=steps, method=method)
            y = run_stretch(task, vector_field, y)
        outputs.append(y if segment.n_steps or segment.ends else y.clone())
    return outputs


def integrate_adaptively_with_checkpoints(
    vector_field: VectorField, y0: Tensor, segments: Sequence[Segment], control: StepControl
) -> list[Tensor]:
    """Return the solution at the end of each segment, with the values and gradient of `integrate_adaptively`.

    The number of steps is not known beforehand.  So the stretch that follows n steps has sqrt(2 n) steps:
    after k stretches n is about k^2 / 2, and both the stretches and the steps of the last one are sqrt(2 n).
    The backward pass tries the same steps again, rejected ones included, so that a field that draws random
    numbers or updates buffers does the same as before.  Parameters are those of `integrate_adaptively`,
    errors those of `integrate_adaptively` and `integrate_with_checkpoints`.
    """
    if not torch.is_grad_enabled():
        return integrate_adaptively(vector_field, y0, segments, control)
    front, outputs, done = Front(segments[0].start, _first(y0)), [], 0
    for segment in segments:
        start(vector_field, front, segment, control)
        while front.t != segment.stop:
            stretch = _AdaptiveStretch(vector_field, front, segment, control, 1 + math.isqrt(2 * done))
            front.y, front.k = run_stretch(stretch, vector_field, front.y, front.k)
            done += stretch.accepted
        outputs.append(front.y if segment.n_steps or segment.ends else front.y.clone())
    return outputs


class _AdaptiveStretch:
    """Consecutive steps whose size is chosen in the first call, and repeated in every other one."""

    def __init__(
        self, vector_field: VectorField, front: Front, segment: Segment, control: StepControl, most: int
    ) -> None:
        self._vector_field, self._segment, self._control = vector_field, segment, control
        self._front: Front | None = front
        self._most = most
        self._tried: list[Attempt] = []

    @property
    def accepted(self) -> int:
        """The number of steps that were accepted."""
        return sum(step.accepted for step in self._tried)

    def __call__(self, y: Tensor, k: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if self._front is None:
            return repeat(self._vector_field, y, k, self._segment, self._tried, self._control.pair)
        # Not kept afterwards: it moves on, and holds states that the backward pass does without.
        front, self._front = self._front, None
        front.y, front.k = y, k
        walk_adaptively(self._vector_field, front, self._segment, self._control, self._most, self._tried)
        return front.y, front.k


def _first(y0: Tensor) -> Tensor:
    """Return y0 as the first state, which can be saved; an inference tensor cannot."""
    return y0.clone() if y0.is_inference() else begin(y0)
