"""A child process that may be lost: a layer that hangs or crashes costs one call, not the run."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TypeVar

from pebble import CONSTS, ProcessExpired, ProcessFuture, ProcessPool

from nodecheck.runner import child_calls, forkserver
from nodecheck.runner.output import Output

_T = TypeVar("_T")
# Seconds that the import of a target may take: libraries that compile at import need a minute.
SECONDS_TO_IMPORT = 120.0
# Seconds after which a child is killed once its time is over.  Python code is interrupted inside the child,
# which then keeps its solutions; only a call that does not return to the interpreter is killed.
_GRACE = 5.0
# Seconds between two looks of the pool at its process: it waits so long to notice a time limit, a crash, or
# that it is to stop.  The default of 0.1 would be a part of every start and stop.
CONSTS.sleep_unit = 0.01
# Processes that a call may get, one after the other, where the pool breaks.
_ATTEMPTS = 4


class Lost(Exception):
    """The child process is gone; the message says how it ended."""


class Child(AbstractContextManager["Child"]):
    """A child process for calls by name; after one is lost, the next call gets a new process.

    Parameters
    ----------
    memory_limit
        Bytes of data that the process may allocate.

    Attributes
    ----------
    output
        The text that the process prints.
    """

    def __init__(self, memory_limit: int) -> None:
        self._memory_limit = memory_limit
        reader, self._writer = forkserver.context().Pipe(duplex=False)
        self.output = Output(reader)
        self._pool = self._new_pool()
        self._call: ProcessFuture[Any] | None = None
        self._aborted = False

    def _new_pool(self) -> ProcessPool:
        arguments = (self._writer, self._memory_limit)
        return ProcessPool(1, initializer=child_calls.start, initargs=arguments, context=forkserver.context())

    def call(self, function: Callable[..., _T], *arguments: object, seconds: float) -> _T:
        """Return `function(*arguments)`, evaluated in the child.

        Raises
        ------
        Lost
            If the child died, was killed because it did not end in time, or could not be started.
        """
        try:
            return self._evaluate(function, arguments, seconds)
        except FutureTimeoutError as error:
            message = f"did not end within {seconds:g} seconds, and its process had to be killed"
            raise Lost(message) from error
        except ProcessExpired as error:
            raise Lost(how_it_ended(error.exitcode)) from error
        except (BrokenProcessPool, RuntimeError) as error:
            message = f"ended {_ATTEMPTS} processes in a row, or they could not be started ({error})"
            raise Lost(message) from error

    def _evaluate(self, function: Callable[..., _T], arguments: tuple[object, ...], seconds: float) -> _T:
        """Wait for the child; try again where the pool broke.

        It breaks if its process died between two calls, and if one that dies at once is seen to be gone
        before it is seen to have begun: on a busy machine more than once in a row.
        """
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(BrokenProcessPool, RuntimeError):
                return self._begin(function, arguments, seconds).result()
            self._stop()
            self._pool = self._new_pool()
        return self._begin(function, arguments, seconds).result()

    def _begin(
        self, function: Callable[..., _T], arguments: tuple[object, ...], seconds: float
    ) -> ProcessFuture[_T]:
        self._call = self._pool.schedule(function, args=arguments, timeout=seconds + _GRACE)
        if self._aborted:  # before there was a call that could be cancelled
            self._call.cancel()  # type: ignore[no-untyped-call]
        return self._call

    def abort(self) -> None:
        """End the call that another thread waits for or is about to begin, which gets `CancelledError`."""
        self._aborted = True
        if self._call is not None:
            self._call.cancel()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._stop()
        self._writer.close()
        self.output.close()

    def _stop(self) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def how_it_ended(exitcode: int | None) -> str:
    """Return the end of a process as the second half of a sentence."""
    if exitcode == child_calls.EXITED_WITH_ZERO:
        return "ended its process with exit code 0"
    if exitcode is None or exitcode >= 0:
        return f"ended its process with exit code {exitcode}"
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = "an unknown signal"
    return f"crashed its process with {name} (signal {-exitcode})"
