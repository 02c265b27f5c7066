"""Several layers at a time: each in its own thread here and its own process there."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Protocol

from nodecheck.checks import Check
from nodecheck.problems import Problem
from nodecheck.results import LayerCard, Result
from nodecheck.runner.examine import Measure, examine
from nodecheck.runner.plan import Plan


class Measuring(Protocol):
    """A context that runs checks, and can be told from another thread to stop."""

    def __enter__(self) -> Measure: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def abort(self) -> None:
        """Let the check that is running end now, with an exception."""


class _Turns:
    """Lets `jobs` checks run at a time, or one that needs the machine for itself."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._free = threading.Semaphore(jobs)
        # Who wants all turns stands here until they are free, and lets nobody pass in between.
        self._turnstile = threading.Lock()

    @contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        """Wait until it is this check's turn."""
        taken = self._jobs if alone else 1
        with self._turnstile:
            for _ in range(taken):
                self._free.acquire()
        try:
            yield
        finally:
            self._free.release(taken)


def examine_in_parallel(
    plan: Plan,
    jobs: int,
    measuring: Callable[[], Measuring],
    done: Iterable[Result] = (),
) -> Iterator[Result]:
    """Yield the results of a plan as they come, of up to `jobs` layers at a time.

    Parameters
    ----------
    plan
        What to do.
    jobs
        How many layers at most.
    measuring
        Returns what runs checks; each thread has one of its own.
    done
        Results that are there already.
    """
    done, turns = tuple(done), _Turns(jobs)
    waiting: queue.SimpleQueue[LayerCard] = queue.SimpleQueue()
    results: queue.SimpleQueue[Result | BaseException | None] = queue.SimpleQueue()
    stopped, contexts = threading.Event(), [measuring() for _ in range(min(jobs, len(plan.cards)))]
    for card in plan.cards:
        waiting.put(card)

    def work(context: Measuring) -> None:
        try:
            with context as measure:
                while not stopped.is_set():
                    one = replace(plan, cards=(waiting.get_nowait(),))
                    for result in examine(one, _in_turn(measure, turns, stopped), done):
                        results.put(result)
                        if stopped.is_set():
                            return
        except queue.Empty:
            pass
        except BaseException as error:
            results.put(error)
        finally:
            results.put(None)

    threads = [threading.Thread(target=work, args=(context,)) for context in contexts]
    for thread in threads:
        thread.start()
    try:
        yield from _until_all_ended(results, len(threads))
    finally:
        stopped.set()
        for context in contexts:
            context.abort()
        for thread in threads:
            thread.join()


def _until_all_ended(
    results: queue.SimpleQueue[Result | BaseException | None], threads: int
) -> Iterator[Result]:
    while threads:
        item = results.get()
        if item is None:
            threads -= 1
        elif isinstance(item, BaseException):
            raise item
        else:
            yield item


def _in_turn(measure: Measure, turns: _Turns, stopped: threading.Event) -> Measure:
    def wait(card: LayerCard, check: Check, problem: Problem | None) -> Result:
        with turns.turn(alone=check.alone):
            if stopped.is_set():  # while it waited: what begins now would not be aborted
                raise CancelledError
            return measure(card, check, problem)

    return wait
