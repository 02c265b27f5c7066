"""A layer whose checks are running: its processes, and the checks that nobody has taken yet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError

from nodecheck.checks import Check
from nodecheck.problems import Problem
from nodecheck.results import LayerCard, Result
from nodecheck.runner.examine import Examination, Measure
from nodecheck.runner.measuring import Measuring, Process
from nodecheck.runner.plan import Plan

# A second process has to import the target, and to repeat solves that the first one knows.  It pays from so
# many checks on.
_FEWEST_TO_SHARE = 4


class LayerInWork:
    """A layer whose checks are running.

    The first thread runs the checks that others need, and then takes one check after the other.  Further
    threads, each with a process of its own, take checks from the end, where neighbours share measurements.

    Parameters
    ----------
    card
        The layer.
    plan, done
        The plan, and the results that exist already.
    measuring
        Returns a context with a process of its own.
    stopped
        Set when the run ends early.
    """

    def __init__(
        self,
        card: LayerCard,
        plan: Plan,
        done: Iterable[Result],
        *,
        measuring: Callable[[], Measuring],
        stopped: threading.Event,
    ) -> None:
        self._measuring, self._stopped = measuring, stopped
        self._examination = Examination(card, plan, self._measure, done)
        needed = {check.needs for check in plan.checks}
        self._first = [check for check in plan.checks if check.id in needed]
        self._left = deque(check for check in plan.checks if check.id not in needed)
        self._main = Process(measuring)
        self._helpers: list[Process] = []
        self._of_this_thread = threading.local()
        self._lock = threading.Lock()
        # Set when the checks that others need are through: only then do the others mean anything.
        self.shared = threading.Event()

    def results(self) -> Iterator[Result]:
        """Yield the results of the first thread."""
        for check in self._first:
            yield from self._run(check, self._main)
        self.shared.set()
        while (check_ := self._take()) is not None:
            yield from self._run(check_, self._main)

    def _take(self) -> Check | None:
        with self._lock:
            return self._left.popleft() if self._left else None

    def results_of_a_helper(self) -> Iterator[Result]:
        """Yield the results of another thread; none if there are too few checks to begin with."""
        self.shared.wait()
        process = Process(self._measuring)
        try:
            while (check := self._take_for(process)) is not None:
                yield from self._run(check, process)
        finally:
            with self._lock:
                self._helpers = [other for other in self._helpers if other is not process]
            process.close()

    def _take_for(self, helper: Process) -> Check | None:
        with self._lock:
            begun = helper in self._helpers
            if len(self._left) < (1 if begun else _FEWEST_TO_SHARE):
                return None
            if not begun:
                self._helpers.append(helper)
            return self._left.pop()

    @property
    def can_share(self) -> bool:
        """True if there are checks enough for another thread."""
        return len(self._left) >= _FEWEST_TO_SHARE

    def _run(self, check: Check, process: Process) -> Iterator[Result]:
        self._of_this_thread.process = process
        yield from self._examination.results_of(check)

    def _measure(self, card: LayerCard, check: Check, problem: Problem | None) -> Result:
        return self._open(self._of_this_thread.process)(card, check, problem)

    def _open(self, process: Process) -> Measure:
        with self._lock:
            if self._stopped.is_set():  # a process that starts now would not be aborted
                raise CancelledError
            return process.open()

    def abort(self) -> None:
        """End the checks that are running."""
        self.shared.set()
        with self._lock:
            for process in (self._main, *self._helpers):
                process.abort()

    def close_own_process(self) -> None:
        """End the process of the first thread."""
        self._main.close()

    def close(self) -> None:
        """End all processes."""
        for process in (self._main, *self._helpers):
            process.close()
