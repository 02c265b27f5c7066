"""A time limit for a layer: a loop that never ends costs one result, not the run."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AT_ONCE = 1e-6  # seconds; a timer of zero seconds is no timer


class TimeLimitExceeded(BaseException):
    """A check did not end in time; not an `Exception`, so that no layer swallows it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeLimitExceeded` inside the block once `seconds` are over.

    It works by a signal: between two Python instructions, in the main thread, on systems that have such
    signals.  Elsewhere there is no limit.  A process has one alarm.  One that was set before the block, by
    pytest-timeout for instance, still rings inside the block when it is due, and goes on after it.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    surrounding, started = signal.getsignal(signal.SIGALRM), time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
    ours, theirs = started + seconds, started + left if left else math.inf

    def set_alarm(due: float) -> None:
        if due < math.inf:
            signal.setitimer(signal.ITIMER_REAL, max(due - time.monotonic(), _AT_ONCE), interval)

    def ring(number: int, frame: FrameType | None) -> None:
        nonlocal theirs
        if ours <= theirs:
            message = f"did not end within {seconds:g} seconds"
            raise TimeLimitExceeded(message)
        theirs = theirs + interval if interval else math.inf
        set_alarm(min(ours, theirs))
        if callable(surrounding):
            surrounding(number, frame)

    signal.signal(signal.SIGALRM, ring)
    set_alarm(min(ours, theirs))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, surrounding)
        set_alarm(theirs)
