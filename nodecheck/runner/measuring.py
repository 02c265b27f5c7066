"""A process that runs checks, started when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from nodecheck.runner.examine import Measure


class Measuring(Protocol):
    """A context that runs checks in a process, and that another thread can stop."""

    def __enter__(self) -> Measure: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def abort(self) -> None:
        """End the check that is running, which raises."""


class Process:
    """A process that starts with its first check."""

    def __init__(self, measuring: Callable[[], Measuring]) -> None:
        self._measuring = measuring
        self._context: Measuring | None = None
        self._measure: Measure | None = None

    def open(self) -> Measure:
        """Return the function that runs checks in the process."""
        if self._measure is None:
            self._context = self._measuring()
            self._measure = self._context.__enter__()
        return self._measure

    def abort(self) -> None:
        """End the check that is running, if there is one."""
        if self._context is not None:
            self._context.abort()

    def close(self) -> None:
        """End the process, if it was started."""
        if self._context is not None:
            self._context.__exit__(None, None, None)
            self._context = None
