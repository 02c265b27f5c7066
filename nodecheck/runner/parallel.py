"""Several layers at a time: each in its own thread here and its own process there."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol

from nodecheck.checks import Check
from nodecheck.problems import Problem
from nodecheck.results import LayerCard, Result
from nodecheck.runner.examine import Examination, Measure
from nodecheck.runner.plan import Plan

# Checks that need the machine for themselves wait until as many layers are through with all others: the wait
# for what still runs beside is paid once for all of them.  Each layer keeps a process until then.
_MOST_WAITING = 8


class Measuring(Protocol):
    """A context that runs checks, and can be told from another thread to stop."""

    def __enter__(self) -> Measure: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def abort(self) -> None:
        """Let the check that is running end now, with an exception."""


class _Turns:
    """Lets `jobs` checks run at a time, or those that need the machine for themselves."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._free = threading.Semaphore(jobs)
        # Who wants all turns stands here until they are free, and lets nobody pass in between.
        self._turnstile = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn."""
        with self._turnstile:
            self._free.acquire()
        try:
            yield
        finally:
            self._free.release()

    @contextmanager
    def alone(self) -> Iterator[Callable[[], None]]:
        """Yield what waits, the first time it is called, until nobody else has a turn until the end."""
        taken = 0

        def wait() -> None:
            nonlocal taken
            if taken:  # somebody else may stand at the turnstile, and wait for these very turns
                return
            with self._turnstile:
                while taken < self._jobs:
                    self._free.acquire()
                    taken += 1

        try:
            yield wait
        finally:
            for _ in range(taken):
                self._free.release()


class _Layer:
    """A layer in work; its process is kept until its last check."""

    def __init__(self, card: LayerCard, crew: _Crew) -> None:
        self.context = crew.measuring()
        self._crew = crew
        self._measure = self.context.__enter__()
        self._examination = Examination(card, crew.plan, self._in_turn, crew.done)
        self._wait_to_be_alone: Callable[[], None] = lambda: None

    def results(self) -> Iterator[Result]:
        """Yield the results of the checks that others may run beside."""
        for check in self._crew.plan.checks:
            if not check.alone:
                yield from self._examination.results_of(check)

    def results_alone(self, wait: Callable[[], None]) -> Iterator[Result]:
        """Yield the results of those that need the machine for themselves, after `wait()`."""
        self._wait_to_be_alone = wait
        for check in self._crew.plan.checks:
            if check.alone:
                yield from self._examination.results_of(check)

    def _in_turn(self, card: LayerCard, check: Check, problem: Problem | None) -> Result:
        if check.alone:
            self._wait_to_be_alone()
            return self._unless_stopped(card, check, problem)
        with self._crew.turns.turn():
            return self._unless_stopped(card, check, problem)

    def _unless_stopped(self, card: LayerCard, check: Check, problem: Problem | None) -> Result:
        if self._crew.stopped.is_set():  # while it waited: what begins now would not be aborted
            raise CancelledError
        return self._measure(card, check, problem)

    def close(self) -> None:
        """End its process."""
        self.context.__exit__(None, None, None)


class _Crew:
    """The threads that go through the layers of a plan together."""

    def __init__(
        self, plan: Plan, jobs: int, measuring: Callable[[], Measuring], done: tuple[Result, ...]
    ) -> None:
        self.plan, self.measuring, self.done = plan, measuring, done
        self.turns, self.stopped = _Turns(jobs), threading.Event()
        self.results: queue.SimpleQueue[Result | BaseException | None] = queue.SimpleQueue()
        self._cards: queue.SimpleQueue[LayerCard] = queue.SimpleQueue()
        for card in plan.cards:
            self._cards.put(card)
        self._lock = threading.Lock()
        self._in_work: list[_Layer] = []
        self._nearly_done: list[_Layer] = []

    def work(self) -> None:
        """Take layers until there are none; what happens goes to `results`, and None at the end."""
        try:
            while (card := self._next()) is not None:
                self._examine(card)
            self._finish()
        except BaseException as error:
            self.results.put(error)
        finally:
            self.results.put(None)

    def _next(self) -> LayerCard | None:
        try:
            return self._cards.get_nowait()
        except queue.Empty:
            return None

    def _examine(self, card: LayerCard) -> None:
        layer = self._begin(card)
        self._put(layer.results())
        with self._lock:
            self._nearly_done.append(layer)
            enough = len(self._nearly_done) >= _MOST_WAITING
        if enough:
            self._finish()

    def _begin(self, card: LayerCard) -> _Layer:
        with self._lock:
            layer = _Layer(card, self)
            self._in_work.append(layer)
        return layer

    def _finish(self) -> None:
        """Run the checks that need the machine for themselves, of all layers that wait for that."""
        with self._lock:
            layers, self._nearly_done = self._nearly_done, []
        with self.turns.alone() as wait:
            for layer in layers:
                self._put(layer.results_alone(wait))
                self._end(layer)

    def _put(self, found: Iterator[Result]) -> None:
        for result in found:
            self.results.put(result)
            if self.stopped.is_set():
                raise CancelledError

    def _end(self, layer: _Layer) -> None:
        with self._lock:
            self._in_work.remove(layer)
        layer.close()

    def stop(self) -> None:
        """Let the checks that run end now, and begin no other."""
        self.stopped.set()
        with self._lock:
            for layer in self._in_work:
                layer.context.abort()

    def close(self) -> None:
        """End all processes, when no thread works any more."""
        for layer in self._in_work:
            layer.close()


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
        Returns what runs checks; each layer has one of its own.
    done
        Results that are there already.
    """
    crew = _Crew(plan, jobs, measuring, tuple(done))
    threads = [threading.Thread(target=crew.work) for _ in range(min(jobs, len(plan.cards)))]
    for thread in threads:
        thread.start()
    try:
        yield from _until_all_ended(crew.results, len(threads))
    finally:
        crew.stop()
        for thread in threads:
            thread.join()
        crew.close()


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
