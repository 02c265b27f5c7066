"""The log of a `GradientMonitor`: plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from nodecheck.results.percentages import percent

__all__ = ["MonitorLog", "Reading", "load_log"]

# JSON has no NaN or infinity.
_NON_FINITE_AS_STRINGS = {"ser_json_inf_nan": "strings"}
_UNKNOWN = "once the share of the time pays for one; this log does not say when"


@dataclass(frozen=True)
class Reading:
    """One comparison of the training gradient with an exact one.

    Attributes
    ----------
    iteration : int
        Counted from 1.
    error : float
        Distance to the exact gradient of the same step, over the norm of that, or over its usual norm where
        that is larger: the root of its mean square over the readings, in which the newest weigh most.
    cosine : float
        Of the angle to the exact gradient.
    seconds : float
        Time of the reading.
    tol : float
        Tolerance of the exact solve.
    over, alarm : bool
        True if the error is over the budget; and if this is an alarm: twice the budget, or the second time.
    relative : float or None
        The same distance over the norm of the exact gradient of the same step alone; None in older logs.
    """

    __pydantic_config__ = _NON_FINITE_AS_STRINGS

    iteration: int
    error: float
    cosine: float
    seconds: float
    tol: float
    over: bool
    alarm: bool
    relative: float | None = None


@dataclass(frozen=True)
class MonitorLog:
    """All readings of a training run.

    Attributes
    ----------
    budget : float
        The error that is acceptable, in the sense of `Reading.error`.
    readings : tuple of Reading
        In order.
    iterations : int
        Of the training.
    trained, spent : float
        Seconds of the training and of the readings.
    stopped : str
        Why no more readings are taken, or "".
    waits : str
        When the next reading is expected, and what it waits for; "" in older logs.
    left_out : int
        Readings without a result, as a gradient was not finite.
    """

    __pydantic_config__ = _NON_FINITE_AS_STRINGS

    budget: float
    readings: tuple[Reading, ...]
    iterations: int
    trained: float
    spent: float
    stopped: str = ""
    waits: str = ""
    left_out: int = 0

    @property
    def alarm(self) -> int | None:
        """The iteration of the first alarm; None also if there was no reading: see `summary`."""
        return next((r.iteration for r in self.readings if r.alarm), None)

    @property
    def worst(self) -> Reading | None:
        """The reading with the largest error; None if there was none."""
        return max(self.readings, key=lambda r: r.error if r.error == r.error else math.inf, default=None)

    @property
    def verdict(self) -> str:
        """The outcome in a sentence, with the number of readings on which it rests."""
        worst = self.worst
        if worst is None:
            return f"No reading was taken in {self.iterations} iterations"
        size = f"the largest error of the gradient was {percent(worst.error)}, at iteration {worst.iteration}"
        if self.alarm is not None:
            return f"Alarm at iteration {self.alarm}: {size}"
        n = len(self.readings)
        taken = f"{n} reading{'s' if n > 1 else ''}, the last at iteration {self.readings[-1].iteration}"
        return f"No alarm in {taken} of {self.iterations}: {size}"

    @property
    def outlook(self) -> str:
        """Whether more readings come, when, and why not."""
        told = (
            f"No more readings: {self.stopped}" if self.stopped else f"Next reading: {self.waits or _UNKNOWN}"
        )
        left = f". Left out, as a gradient was not finite: {self.left_out}" if self.left_out else ""
        return told + left

    @property
    def summary(self) -> str:
        """The verdict on the readings so far, and the outlook on the next one."""
        return f"{self.verdict}. {self.outlook}"

    def save(self, path: Path | str) -> Path:
        """Write the log as JSON; return its path."""
        from pydantic import TypeAdapter

        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(TypeAdapter(MonitorLog).dump_json(self, indent=1))
        return file


def load_log(path: Path | str) -> MonitorLog:
    """Return the log in a file.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it holds no log.
    """
    from pydantic import TypeAdapter

    try:
        return TypeAdapter(MonitorLog).validate_json(Path(path).read_bytes())
    except ValueError as error:
        message = f"expected the log of a GradientMonitor at {path}, got something else; name it"
        raise ValueError(message) from error
