"""The record of what readings drop: the parts of a layer's output that nothing looks at.

An adapter that returns the final state of a trajectory hides the other states from every check.  Its
readings know that, so they say it, and whoever runs the layer collects it with `recorded`.  This module
imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Dropped:
    """A part of the output of a layer that a reading dropped.

    Attributes
    ----------
    what
        The part, in words: "states at 16 other times".
    appended
        True if the adapter had put it there itself, so that it is no output of the layer: time, beside y0.
    """

    what: str
    appended: bool = False


_RECORD: ContextVar[dict[Dropped, None] | None] = ContextVar("dropped", default=None)


@contextmanager
def recorded() -> Iterator[dict[Dropped, None]]:
    """Collect what readings drop while the context is open: each part once, in order."""
    found: dict[Dropped, None] = {}
    token = _RECORD.set(found)
    try:
        yield found
    finally:
        _RECORD.reset(token)


def record(dropped: Dropped) -> None:
    """Record a part that is dropped, if anybody collects."""
    found = _RECORD.get()
    if found is not None:
        found[dropped] = None
