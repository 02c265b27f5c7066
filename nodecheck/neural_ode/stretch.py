"""Stretches of a solve that save their first state only, and are repeated in the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from nodecheck.neural_ode.explicit import VectorField
from nodecheck.neural_ode.recall import Conditions, tensors_of, version, with_tensors

__all__ = ["run_stretch"]

T = TypeVar("T")


def run_stretch(task: Callable[..., T], vector_field: VectorField, *states: Tensor | None) -> T:
    """Return ``task(*states)``, of which the backward pass saves the states and repeats the rest.

    Parameters
    ----------
    task : function
        Evaluates the field; a second call must repeat all evaluations of the first one.
    vector_field : VectorField
        The field, whose tensors and modes are those of the first call in the repetition.
    *states : Tensor or None
        The arguments.

    Raises
    ------
    RuntimeError
        In the backward pass, if a parameter or buffer was changed in place after the forward pass.
    """
    device = next(state.device for state in states if state is not None)
    stretch = _Stretch(task, _Snapshot(vector_field, device))
    result: T = checkpoint(stretch, *states, use_reentrant=False)
    stretch.snapshot.drop_needless_copies()
    return result


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

    def __init__(self, task: Callable[..., Any], snapshot: _Snapshot) -> None:
        self._task = task
        self._has_run = False
        self.snapshot = snapshot

    def __call__(self, *states: Tensor | None) -> Any:
        if self._has_run:
            return self.snapshot.restored_for(lambda: self._task(*states))
        self._has_run = True
        return self._task(*states)


def _changed_message(name: str) -> str:
    return (
        "adjoint='checkpointed' expects the parameters and buffers of dynamics to stay unchanged until the "
        f"backward pass, but {name!r} was modified by an inplace operation in between; call backward() first"
    )
