"""The time that a monitor may take: a share of the training, over any window of iterations."""

from __future__ import annotations

import random
import sys
from collections import deque

from nodecheck.numerics.audit_constants import (
    COST_MARGIN,
    FIRST_READING_STEPS,
    MONITOR_WINDOW,
    READING_JITTER,
)

__all__ = ["TimeBudget"]


class TimeBudget:
    """A share of the time of the last iterations, of which the monitor's own time is kept below.

    Parameters
    ----------
    share : float
        Of the time of training.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._steps: deque[float] = deque(maxlen=MONITOR_WINDOW)
        self._spent: deque[float] = deque(maxlen=MONITOR_WINDOW)
        self._costs: deque[float] = deque(maxlen=4)
        self._random, self._next = random.Random(0), 0  # its own: that of the training stays untouched
        self.spent, self.trained = 0.0, 0.0

    def add_step(self, seconds: float) -> None:
        """Add an iteration of the training, without the monitor's own time in it."""
        self._steps.append(seconds)
        self._spent.append(0.0)
        self.trained += seconds

    def is_due(self, iteration: int) -> bool:
        """Return True if a reading is due in this iteration, and stays within the share of the time."""
        if iteration < self._next or not self._steps:
            return False
        return sum(self._spent) + self.usual_cost <= self._share * sum(self._steps)

    @property
    def why_never(self) -> str:
        """Why no reading will be taken at this pace, with the remedy; "" if the share pays for one."""
        if not self._steps or self.usual_cost <= self._share * MONITOR_WINDOW * self._mean:
            return ""
        least = self.usual_cost / (MONITOR_WINDOW * self._mean)
        return (
            f"{self._cost_in_steps}, and share={self._share:g} of the time of {MONITOR_WINDOW} iterations "
            f"pays for {self._share * MONITOR_WINDOW:.3g} steps; raise share above {least:.2g}"
        )

    def next_reading(self, iteration: int) -> str:
        """Return when the next reading is expected after this iteration, and what it waits for."""
        if not self._steps:
            return "not before the second call of after_backward: the time of a step is not known"
        if self.why_never:
            return f"none: {self.why_never}"
        expected = max(iteration + self._until_paid(), self._next)
        return (
            f"about iteration {expected}, when share={self._share:g} of the time pays for it: "
            f"{self._cost_in_steps}; a larger share gives earlier ones"
        )

    def _until_paid(self) -> int:
        """Return after how many more steps of mean time the share pays for a reading."""
        paid, owed = self._share * sum(self._steps), sum(self._spent) + self.usual_cost
        mean = self._mean
        leaving = zip(self._steps, self._spent, strict=True)  # of the window, once it is full
        for more in range(1, MONITOR_WINDOW + 1):
            full = len(self._steps) + more > MONITOR_WINDOW
            step, cost = next(leaving) if full else (0.0, 0.0)
            paid, owed = paid + self._share * (mean - step), owed - cost
            if owed <= paid:
                return more
        return MONITOR_WINDOW

    @property
    def _mean(self) -> float:
        """The mean time of a step, seconds; above zero."""
        return max(sum(self._steps) / max(len(self._steps), 1), sys.float_info.min)

    @property
    def _cost_in_steps(self) -> str:
        origin = (
            "the longest of the last ones, and a margin"
            if self._costs
            else "a guess until the first is measured"
        )
        return f"a reading takes the time of {self.usual_cost / self._mean:.2g} steps ({origin})"

    @property
    def usual_cost(self) -> float:
        """The expected cost of a reading, seconds, with a margin."""
        if self._costs:
            return COST_MARGIN * max(self._costs)
        return FIRST_READING_STEPS * self._mean

    def add_reading(self, iteration: int, seconds: float) -> None:
        """Add the time of a reading in this iteration, and choose the next one.

        Readings are spread over the time that is left for them, and not in step with anything periodic in
        the training.
        """
        self._spent[-1] += seconds
        self.spent += seconds
        self._costs.append(seconds)
        between = self.usual_cost / (self._share * self._mean)
        jitter = self._random.uniform(1 - READING_JITTER, 1 + READING_JITTER)
        self._next = iteration + max(1, round(between * jitter))
