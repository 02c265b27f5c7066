"""Backpropagation through the steps, with memory that grows like the square root of their number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from nodecheck.neural_ode.explicit import VectorField, begin, integrate, moved, walk
from nodecheck.neural_ode.grid import Segment
from nodecheck.neural_ode.recall import Conditions, tensors_of, version, with_tensors
from nodecheck.numerics.tableau import ButcherTableau

__all__ = ["integrate_with_checkpoints"]

T = TypeVar("T")


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
    y, outputs = y0.clone() if y0.is_inference() else begin(y0), []  # an inference tensor cannot be saved
    for segment in segments:
        y = moved(vector_field, y, segment)
        for first in range(0, segment.n_steps, length):
            steps = range(first, min(first + length, segment.n_steps))
            stretch = _Stretch(vector_field, segment, steps, method, _Snapshot(vector_field, y.device))
            y = checkpoint(stretch, y, use_reentrant=False)
            stretch.snapshot.drop_needless_copies()
        outputs.append(y if segment.n_steps or segment.ends else y.clone())
    return outputs


class _Snapshot:
    """The tensors and modes of a field at the start of a stretch, with which the stretch can be repeated."""

    def __init__(self, dynamics: VectorField, device: torch.device) -> None:
        found = tensors_of(dynamics)
        self._dynamics = dynamics
        self._conditions = Conditions.now(dynamics, device)
        self._parameters = {**found.trainable, **found.frozen}
        self._buffers = found.buffers
        self._versions = {name: version(t) for name, t in (self._parameters | dict(found.buffers)).items()}
        # Of all buffers, because batch_norm does not tell autograd that it changes its statistics.
        self._copies = {name: buffer.clone() for name, buffer in found.buffers.items()}

    def drop_needless_copies(self) -> None:
        """Drop the copies of the buffers, unless the field has updated one of the buffers."""
        now = tensors_of(self._dynamics).buffers if self._copies else {}
        if all(now.get(name) is buffer and not self._changed(name) for name, buffer in self._buffers.items()):
            self._copies = {}

    def restored_for(self, task: Callable[[], T]) -> T:
        """Return task(), during which the field has the tensors and modes of the snapshot.

        Raises
        ------
        RuntimeError
            If one of the tensors was changed in place.
        """
        for name in self._versions.keys() - self._copies.keys():
            if self._changed(name):
                raise RuntimeError(_changed_message(name))
        # Copied again: the field will update them again, and a stretch may be repeated many times.
        buffers = {name: self._copies.get(name, buffer).clone() for name, buffer in self._buffers.items()}
        with self._conditions.restored():
            return with_tensors(self._dynamics, self._parameters | buffers, task)

    def _changed(self, name: str) -> bool:
        tensor = self._parameters[name] if name in self._parameters else self._buffers[name]
        return version(tensor) != self._versions[name]


class _Stretch:
    """Consecutive steps as a function of the state; a second call repeats the first one exactly."""

    def __init__(
        self,
        vector_field: VectorField,
        segment: Segment,
        steps: range,
        method: ButcherTableau,
        snapshot: _Snapshot,
    ) -> None:
        self._walk = partial(walk, vector_field, segment=segment, steps=steps, method=method)
        self._has_run = False
        self.snapshot = snapshot

    def __call__(self, y: Tensor) -> Tensor:
        if self._has_run:
            return self.snapshot.restored_for(lambda: self._walk(y=y))
        self._has_run = True
        return self._walk(y=y)


def _changed_message(name: str) -> str:
    return (
        "adjoint='checkpointed' expects the parameters and buffers of dynamics to stay unchanged until the "
        f"backward pass, but {name!r} was modified by an inplace operation in between; call backward() first"
    )
