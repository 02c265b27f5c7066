"""The garbage collector while bytes are counted."""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@functools.cache  # counting them takes twenty milliseconds
def _frozen_from_the_start() -> bool:
    """Return True if this process has frozen the objects that were there when it began."""
    return gc.get_freeze_count() > 0


@contextmanager
def garbage_kept() -> Iterator[None]:
    """Switch the garbage collector off, so that counts do not depend on when it runs.

    The objects that exist already are frozen, unless that was done before: collecting inside looks at new
    objects only, and takes milliseconds.
    """
    enabled, frozen = gc.isenabled(), _frozen_from_the_start()
    gc.disable()
    if not frozen:
        gc.freeze()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()
        if enabled:
            gc.enable()
