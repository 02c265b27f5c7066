"""Peak resident memory of a fresh process: what the operating system sees, whoever allocated it."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

_T = TypeVar("_T")
_MEBIBYTE = 2**20
_SECONDS_BETWEEN_SAMPLES = 0.002
_SECONDS_BETWEEN_LOOKS = 0.05
# Blocks of this many bytes get pages of their own, which go back to the system at once (mallopt(3)):
# otherwise the peak depends on how the heap is fragmented.
_BLOCK = {"MALLOC_MMAP_THRESHOLD_": "65536"}


class ProcessLost(Exception):
    """The process is gone without an answer.

    Attributes
    ----------
    exitcode
        As `multiprocessing.Process` tells it; None: it did not end in time, and was killed.
    """

    def __init__(self, exitcode: int | None) -> None:
        super().__init__(f"exit code {exitcode}")
        self.exitcode = exitcode


def peak_resident(call: Callable[..., _T], *arguments: Any, seconds: float = math.inf) -> tuple[int, _T]:
    """Return the peak resident bytes of a fresh process that runs `call(*arguments)`, and what it returns.

    The process is spawned, not forked, so nothing of this one counts; `call` is imported there by name, and
    prints to nowhere.  The peak includes the interpreter and everything imported: compare it with that of a
    control.

    Raises
    ------
    ProcessLost
        If the process dies, `call` raises, or there is no answer after so many seconds.
    """
    spawn = multiprocessing.get_context("spawn")
    reader, writer = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_sampled, args=(writer, call, arguments))
    with _own_pages_for_blocks():
        process.start()
    try:
        answered = _wait(reader, process, time.monotonic() + seconds)
        if not answered and process.is_alive():
            raise ProcessLost(None)
        if not answered:
            raise ProcessLost(process.exitcode)
        found: tuple[int, _T] = reader.recv()
        return found
    finally:
        process.kill()  # nothing it might still do is wanted
        process.join()
        reader.close()
        writer.close()


def _wait(reader: Connection, process: BaseProcess, deadline: float) -> bool:
    """Return True as soon as there is an answer, False as soon as there will be none.

    The process has children of its own, which keep its pipes open when it dies: it has to be looked at.
    """
    while not reader.poll(_SECONDS_BETWEEN_LOOKS):
        if not process.is_alive():
            return reader.poll()  # what it said at last
        if time.monotonic() > deadline:
            return False
    return True


def _sampled(writer: Connection, call: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    """Run `call` while memory_profiler watches this process from another one; send peak and answer."""
    from memory_profiler import memory_usage

    _fall_silent()
    peak, result = memory_usage(
        (call, arguments), interval=_SECONDS_BETWEEN_SAMPLES, max_usage=True, retval=True, max_iterations=1
    )
    writer.send((round(peak * _MEBIBYTE), result))


def _fall_silent() -> None:
    """Take this process off the terminal, and its children, too: its output, its input and Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(os.devnull, "r+") as nothing:
        for fd in (0, 1, 2):
            os.dup2(nothing.fileno(), fd)


@contextmanager
def _own_pages_for_blocks() -> Iterator[None]:
    """Let processes that start inside inherit how glibc allocates blocks; other systems ignore it."""
    before = {name: os.environ.get(name) for name in _BLOCK}
    os.environ.update(_BLOCK)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
