"""Turns: at most so many checks at a time, or one that has the machine for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turns:
    """Lets `jobs` checks run at a time, or those of one thread that need the machine for themselves."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._free = threading.Semaphore(jobs)
        # A thread that wants all turns holds this until they are free, so that nobody overtakes it.
        self._entrance = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and hold it until the end of the block."""
        with self._entrance:
            self._free.acquire()
        try:
            yield
        finally:
            self._free.release()

    @contextmanager
    def alone(self) -> Iterator[Callable[[], None]]:
        """Yield a function that waits for all turns at its first call; they are held until the end."""
        taken = 0

        def wait() -> None:
            nonlocal taken
            if taken:  # another thread may hold the entrance, and wait for these very turns
                return
            with self._entrance:
                while taken < self._jobs:
                    self._free.acquire()
                    taken += 1

        try:
            yield wait
        finally:
            for _ in range(taken):
                self._free.release()
