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
from nodecheck.runner.turns import Turns

# A second process has to import the target, and to repeat solves that the first one knows.  It pays from so
# many checks on.
_FEWEST_TO_SHARE = 4


class LayerInWork:
    """A layer whose checks are running.

    The first thread runs the checks that others need, and then takes one check after the other.  Further
    threads, each with a process of its own, take checks from the end.  Checks that need the machine for
    themselves come last, in the first process.

    Parameters
    ----------
    card
        The layer.
    plan, done
        The plan, and the results that exist already.
    measuring
        Returns a context with a process of its own.
    turns
        The turns of all layers.
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
        turns: Turns,
        stopped: threading.Event,
    ) -> None:
        self._measuring, self._turns, self._stopped = measuring, turns, stopped
        self._examination = Examination(card, plan, self._measure, done)
        needed = {check.needs for check in plan.checks}
        self._first = [check for check in plan.checks if check.id in needed and not check.alone]
        self._left = deque(c for c in plan.checks if c.id not in needed and not c.alone)
        self._alone = [check for check in plan.checks if check.alone]
        self._wait_to_be_alone: Callable[[], None] = lambda: None
        self._main = Process(measuring)
        self._helpers: list[Process] = []
        self._of_this_thread = threading.local()
        self._changed = threading.Condition()
        # Set when the checks that others need are through: only then do the others mean anything.
        self.shared = threading.Event()

    def results(self) -> Iterator[Result]:
        """Yield the results of the first thread, without those of checks that need the machine."""
        for check in self._first:
            yield from self._run(check, self._main)
        self.shared.set()
        while (check_ := self._take()) is not None:
            yield from self._run(check_, self._main)

    def _take(self) -> Check | None:
        with self._changed:
            return self._left.popleft() if self._left else None

    def results_of_a_helper(self) -> Iterator[Result]:
        """Yield the results of another thread; none if there are too few checks to begin with."""
        self.shared.wait()
        process = Process(self._measuring)
        try:
            while (check := self._take_for(process)) is not None:
                yield from self._run(check, process)
        finally:
            with self._changed:
                self._helpers = [other for other in self._helpers if other is not process]
                self._changed.notify_all()
            process.close()

    def _take_for(self, helper: Process) -> Check | None:
        with self._changed:
            begun = helper in self._helpers
            if len(self._left) < (1 if begun else _FEWEST_TO_SHARE):
                return None
            if not begun:
                self._helpers.append(helper)
            return self._left.pop()

    def wait_for_helpers(self) -> None:
        """Wait until no other thread runs a check of this layer; to be called when none is left to take."""
        with self._changed:
            self._changed.wait_for(lambda: not self._helpers)

    def results_alone(self, wait: Callable[[], None]) -> Iterator[Result]:
        """Yield the results of the checks that need the machine for themselves, after `wait()`."""
        self._wait_to_be_alone = wait
        for check in self._alone:
            yield from self._run(check, self._main)

    @property
    def can_share(self) -> bool:
        """True if there are checks enough for another thread."""
        return len(self._left) >= _FEWEST_TO_SHARE

    def _run(self, check: Check, process: Process) -> Iterator[Result]:
        self._of_this_thread.process = process
        yield from self._examination.results_of(check)

    def _measure(self, card: LayerCard, check: Check, problem: Problem | None) -> Result:
        process: Process = self._of_this_thread.process
        if check.alone:
            self._wait_to_be_alone()
            return self._unless_stopped(process)(card, check, problem)
        with self._turns.turn():
            return self._unless_stopped(process)(card, check, problem)

    def _unless_stopped(self, process: Process) -> Measure:
        with self._changed:
            if self._stopped.is_set():  # while it waited: a check that begins now would not be aborted
                raise CancelledError
            return process.open()

    def abort(self) -> None:
        """End the checks that are running."""
        self.shared.set()
        with self._changed:
            for process in (self._main, *self._helpers):
                process.abort()

    def close(self) -> None:
        """End all processes."""
        for process in (self._main, *self._helpers):
            process.close()
