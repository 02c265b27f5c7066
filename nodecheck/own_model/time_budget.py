"""The time that a monitor may take: a share of the training, over any window of iterations."""

from __future__ import annotations

import random
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
    def usual_cost(self) -> float:
        """The expected cost of a reading, seconds, with a margin."""
        if self._costs:
            return COST_MARGIN * max(self._costs)
        mean = sum(self._steps) / max(len(self._steps), 1)
        return FIRST_READING_STEPS * mean

    def add_reading(self, iteration: int, seconds: float) -> None:
        """Add the time of a reading in this iteration, and choose the next one.

        Readings are spread over the time that is left for them, and not in step with anything periodic in
        the training.
        """
        self._spent[-1] += seconds
        self.spent += seconds
        self._costs.append(seconds)
        mean = sum(self._steps) / len(self._steps)
        between = self.usual_cost / (self._share * mean)
        jitter = self._random.uniform(1 - READING_JITTER, 1 + READING_JITTER)
        self._next = iteration + max(1, round(between * jitter))
