"""Runs layers in child processes, so that none can take the run down with it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from nodecheck.checks import Check
from nodecheck.options.profile import Profile
from nodecheck.problems import Problem
from nodecheck.results import LayerCard, Result
from nodecheck.runner import child, forkserver
from nodecheck.runner.journal import decode
from nodecheck.runner.measure import blank
from nodecheck.runner.output import Output
from nodecheck.targets.loading import Loaded

_T = TypeVar("_T")
SECONDS_TO_IMPORT = 120.0
# Python code is ended inside the child, which then goes on with the runs it has; what does not come back to
# the interpreter is killed, and this much later.
_GRACE = 5.0


class Lost(Exception):
    """The child process is gone; the message says how it ended."""


class Child(AbstractContextManager["Child"]):
    """A process that may be lost: the next call gets a new one.

    Parameters
    ----------
    memory_limit
        Bytes of data that the process may allocate.
    """

    def __init__(self, memory_limit: int) -> None:
        self._memory_limit = memory_limit
        reader, self._writer = forkserver.context().Pipe(duplex=False)
        self.output = Output(reader)
        self._pool = self._new_pool()
        self._call: ProcessFuture[Any] | None = None

    def _new_pool(self) -> ProcessPool:
        arguments = (self._writer, self._memory_limit)
        return ProcessPool(1, initializer=child.start, initargs=arguments, context=forkserver.context())

    def call(self, function: Callable[..., _T], *arguments: object, seconds: float) -> _T:
        """Return `function(*arguments)`, evaluated in the child.

        Raises
        ------
        Lost
            If the child died, or was killed because it did not end in time.
        """
        try:
            return self._schedule(function, arguments, seconds)
        except FutureTimeoutError as error:
            message = f"did not end within {seconds:g} seconds, and its process had to be killed"
            raise Lost(message) from error
        except ProcessExpired as error:
            raise Lost(how_it_ended(error.exitcode)) from error

    def _schedule(self, function: Callable[..., _T], arguments: tuple[object, ...], seconds: float) -> _T:
        """Wait for the child; one that died between two calls has broken the pool, hence a second try."""
        try:
            return self._begin(function, arguments, seconds).result()
        except (BrokenProcessPool, RuntimeError):
            self._stop()
            self._pool = self._new_pool()
            return self._begin(function, arguments, seconds).result()

    def _begin(
        self, function: Callable[..., _T], arguments: tuple[object, ...], seconds: float
    ) -> ProcessFuture[_T]:
        self._call = self._pool.schedule(function, args=arguments, timeout=seconds + _GRACE)
        return self._call

    def abort(self) -> None:
        """Let the call that another thread waits for end now, with `CancelledError`."""
        if self._call is not None:
            self._call.cancel()  # type: ignore[no-untyped-call]

    def _stop(self) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._writer.close()
        self.output.close()


def how_it_ended(exitcode: int | None) -> str:
    """Return what a process did that is gone, as the second half of a sentence."""
    if exitcode == child.EXITED_WITH_ZERO:
        return "ended its process with exit code 0"
    if exitcode is None or exitcode >= 0:
        return f"ended its process with exit code {exitcode}"
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = "an unknown signal"
    return f"crashed its process with {name} (signal {-exitcode})"


class Isolation(AbstractContextManager["Isolation"]):
    """Measures layers, each in a child process of its own, which keeps the runs of the layer for all checks.

    Parameters
    ----------
    profile, seed
        As in the plan.
    memory_limit
        Bytes of data that a child may allocate.
    """

    def __init__(self, profile: Profile, seed: int, memory_limit: int) -> None:
        self._profile, self._seed, self._memory_limit = profile, seed, memory_limit
        self._child: Child | None = None
        self._layer = ""

    def __call__(self, card: LayerCard, check: Check, problem: Problem | None) -> Result:
        """Return the result of a check; a child that is lost costs this one, and says what is known."""
        running = self._child_of(card.name)
        name = problem.name if problem is not None else ""
        arguments = (card.target, card.name, check.id, name, self._profile, self._seed)
        clock = time.perf_counter()
        try:
            line = running.call(child.measure_here, *arguments, seconds=self._profile.seconds)
        except Lost as error:
            printed = running.output.take()
            nothing = replace(blank(card.name, check, problem, self._seed), title=check.failure_title)
            seconds = time.perf_counter() - clock
            return replace(nothing, reason=f"The layer {error}.", output=printed, seconds=seconds)
        return replace(decode(line), output=running.output.take())

    def _child_of(self, layer: str) -> Child:
        if self._child is None or layer != self._layer:
            self.close()
            self._child, self._layer = Child(self._memory_limit), layer
        return self._child

    def abort(self) -> None:
        """Let the check that another thread waits for end now, with `CancelledError`."""
        if self._child is not None:
            self._child.abort()

    def close(self) -> None:
        """End the child, whatever it is doing."""
        if self._child is not None:
            self._child.__exit__(None, None, None)
            self._child = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def describe(targets: Sequence[str], memory_limit: int) -> Loaded[LayerCard]:
    """Import the targets, each in a child process of its own, and return the claims of their layers."""
    loaded: Loaded[LayerCard] = Loaded()
    for target in dict.fromkeys(targets):
        with Child(memory_limit) as importing:
            try:
                loaded.absorb(importing.call(child.describe, target, seconds=SECONDS_TO_IMPORT))
            except Lost as error:
                name = target.rpartition(":")[0] or target
                loaded.load_errors[target] = (
                    f"expected {name!r} to import, but the import {error}; "
                    f"import it in a Python session to see where this comes from"
                )
                loaded.tracebacks[target] = importing.output.take()
    return loaded
