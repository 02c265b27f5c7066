"""Several processes at a time: layers beside each other, and then the checks of one layer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError

from nodecheck.results import LayerCard, Result
from nodecheck.runner.layer_in_work import LayerInWork
from nodecheck.runner.measuring import Measuring
from nodecheck.runner.plan import Plan


def examine_in_parallel(
    plan: Plan,
    jobs: int,
    measuring: Callable[[], Measuring],
    done: Iterable[Result] = (),
) -> Iterator[Result]:
    """Yield the results of a plan as they come, with up to `jobs` checks running at a time.

    Parameters
    ----------
    plan
        The layers and checks.
    jobs
        Number of processes that measure at a time.
    measuring
        Returns a context that runs checks in a process of its own.
    done
        Results that exist already.
    """
    workers = _Workers(plan, measuring, tuple(done))
    threads = [threading.Thread(target=workers.work) for _ in range(jobs if plan.cards else 0)]
    for thread in threads:
        thread.start()
    try:
        yield from _until_all_ended(workers.results, len(threads))
    finally:
        workers.stop()
        for thread in threads:
            thread.join()
        workers.close()


class _Workers:
    """The threads that take the layers of a plan, one after the other, and then help each other."""

    def __init__(self, plan: Plan, measuring: Callable[[], Measuring], done: tuple[Result, ...]) -> None:
        self._plan, self._measuring, self._done = plan, measuring, done
        self._stopped = threading.Event()
        self.results: queue.SimpleQueue[Result | BaseException | None] = queue.SimpleQueue()
        self._cards: queue.SimpleQueue[LayerCard] = queue.SimpleQueue()
        for card in plan.cards:
            self._cards.put(card)
        self._lock = threading.Lock()
        self._in_work: list[LayerInWork] = []

    def work(self) -> None:
        """Take layers until there are none, then help; put results and errors into `results`, then None."""
        try:
            while (card := self._next()) is not None:
                self._examine(card)
            self._help()
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
        layer.close_own_process()  # helpers have theirs

    def _begin(self, card: LayerCard) -> LayerInWork:
        layer = LayerInWork(card, self._plan, self._done, measuring=self._measuring, stopped=self._stopped)
        with self._lock:
            self._in_work.append(layer)
        return layer

    def _help(self) -> None:
        """Take checks of layers that other threads work on."""
        while (layer := self._one_to_help()) is not None:
            self._put(layer.results_of_a_helper())

    def _one_to_help(self) -> LayerInWork | None:
        with self._lock:
            return next((layer for layer in self._in_work if layer.can_share), None)

    def _put(self, found: Iterator[Result]) -> None:
        for result in found:
            self.results.put(result)
            if self._stopped.is_set():
                raise CancelledError

    def stop(self) -> None:
        """End the checks that run, and begin no other."""
        self._stopped.set()
        with self._lock:
            for layer in self._in_work:
                layer.abort()

    def close(self) -> None:
        """End all processes, when no thread works any more."""
        for layer in self._in_work:
            layer.close()


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
