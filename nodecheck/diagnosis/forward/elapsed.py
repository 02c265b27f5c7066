"""From a wrong elapsed time to its cause: y' = 1 shows the time that a layer integrates over."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from nodecheck.diagnosis.forward.grid import remedy
from nodecheck.numerics import EPS, HIGHEST_ORDER, time_roundoff
from nodecheck.numerics.constants import (
    ALIKE,
    FLOAT32_ERROR,
    MOST_STEP_DECIMALS,
    NEAR_ONE_FACTOR,
    TIME_DIGITS,
    WHOLE_STEPS_MARGIN,
)
from nodecheck.numerics.formats import UNIT_ROUNDOFF, rounded
from nodecheck.results.phrases import apart, plural

_NOTHING_KNOWN = "the cause is neither a number of steps, nor the rounding of the time grid or of the step"


@dataclasses.dataclass(frozen=True)
class Elapsed:
    """Signed time that a layer integrated over: the gain of y' = c, divided by c.

    Attributes
    ----------
    time
        The time integrated over.
    duration
        t1 - t0, signed.
    n_steps
        Number of steps the layer was asked to take; None for an adaptive layer, which chooses its own.
    t0
        Start of the interval, if known: a layer that takes t1 for the duration is then named.
    rate
        The c of the component, if known: a layer that rounds h c is then named.
    finer
        The time integrated over with twice as many steps, if known: a factor is then told from steps.
    coarse
        The part of the run that consists of numbers of a lower precision: "the times are float32 numbers".
    others
        The shortest and the longest time, where components or batch members differ.
    grid
        A mistake in the number or the times of the steps, see `grid`: "one step too many, 16 steps of ...".
    eps
        Unit of rounding of the layer.
    """

    time: float
    duration: float
    n_steps: int | None
    t0: float | None = None
    rate: float = 1.0
    finer: float | None = None
    coarse: str = ""
    others: tuple[float, float] | None = None
    grid: str = ""
    eps: float = EPS

    @property
    def error(self) -> float:
        """Signed excess over t1 - t0."""
        return self.time - self.duration

    @property
    def rounding(self) -> float:
        """Bound on the error of a right layer."""
        start = self.t0 or 0.0
        return time_roundoff(self.n_steps or 1, start, start + self.duration, self.eps)

    def equals(self, value: float) -> bool:
        """Return True if the time is a value, to rounding, and the right time is not."""
        return abs(self.time - value) <= self.rounding and abs(self.duration - value) > self.rounding


def explain_elapsed(seen: Elapsed) -> str:
    """Return why a layer integrates over another time than t1 - t0; "" if it does not."""
    if not math.isfinite(seen.time):
        return f"The elapsed time is {seen.time}, not {seen.duration:.5g}."
    if abs(seen.error) <= seen.rounding:
        return ""
    start = seen.t0 or 0.0
    largest = max(abs(start), abs(start + seen.duration), abs(seen.duration))
    relative = abs(seen.error) / largest
    causes = " or ".join(_rounded_numbers(seen)) or seen.coarse or _differing_members(seen)
    if relative > FLOAT32_ERROR:
        causes = causes or _recognised_value(seen) or _wrong_steps(seen)
        found, expected = apart([seen.time], [seen.duration], TIME_DIGITS)
        return f"Integrates over {found}, not {expected}: {causes}."
    text = f"Integrates over {seen.duration:.5g} with a relative error of {relative:.1g}"
    return f"{text}: {causes or _constant_factor(seen) or _NOTHING_KNOWN}."


def _differing_members(seen: Elapsed) -> str:
    """Return the range of the errors, where components or batch members differ."""
    if seen.others is None:
        return ""
    shortest, longest = (f"{each - seen.duration:+.2g}" for each in seen.others)
    return f"off by {shortest} to {longest}, so it is not the grid, which all members and components share"


def _rounded_numbers(seen: Elapsed) -> Iterator[str]:
    """Yield the numbers that are rounded, where the time is that of rounded ones to the last bit."""
    if seen.n_steps is None:
        return
    h, n = seen.duration / seen.n_steps, seen.n_steps
    for name in UNIT_ROUNDOFF:
        if seen.t0 is not None:
            ends = rounded([seen.t0, seen.t0 + seen.duration], name)
            if seen.equals(float(ends[1] - ends[0])):
                yield f"the ends of the time grid are rounded to {name}"
        if seen.equals(n * float(rounded(h, name))):
            yield f"the step is rounded to {name}"
        elif seen.equals(n * float(rounded(h * seen.rate, name)) / seen.rate):
            yield f"the increment of each step is rounded to {name}"
    for decimals in range(1, MOST_STEP_DECIMALS + 1):
        if seen.equals(n * round(h, decimals)):
            yield f"each step is {round(h, decimals):g}, h rounded to {decimals} decimals"
            return


def _constant_factor(seen: Elapsed) -> str:
    """Return the factor that two numbers of steps have in common; "" if they have none."""
    if seen.finer is None or seen.n_steps is None or abs(seen.finer - seen.time) > ALIKE * abs(seen.error):
        return ""
    factor = seen.time / seen.duration
    shown = f"{factor:.4g}"
    if abs(factor - 1) <= NEAR_ONE_FACTOR:
        shown = f"1 {'+' if factor > 1 else '-'} {abs(factor - 1):.2g}"
    return (
        f"{shown} times as long, with {seen.n_steps} steps and with {2 * seen.n_steps} alike, "
        f"as weights do that add up to {shown}"
    )


def _factor_after_the_start(seen: Elapsed) -> str:
    """Return the factor of all steps but the first few, as in a multistep method; "" if there is none.

    With a factor f in all steps but k, the relative excess is (f - 1)(1 - k/n): two n give f and k.
    """
    if seen.finer is None or seen.n_steps is None:
        return ""
    coarse, fine = seen.error / seen.duration, (seen.finer - seen.duration) / seen.duration
    excess = 2 * fine - coarse
    if abs(excess * seen.duration) <= seen.rounding:
        return ""
    start = seen.n_steps * (1.0 - coarse / excess)
    first = round(start)
    if not (1 <= first <= HIGHEST_ORDER and abs(start - first) < WHOLE_STEPS_MARGIN):
        return ""
    started = "the first" if first == 1 else f"the first {first}"
    return (
        f"every step but {started} is {1.0 + excess:.4g} times as long as h, as where the weights of a "
        f"multistep method add up to {1.0 + excess:.4g}"
    )


def _recognised_value(seen: Elapsed) -> str:
    """Return all mistakes of which the time is the plain result: t1, 1, a single step, none."""
    duration, n_steps, t0 = seen.duration, seen.n_steps, seen.t0

    def equal(value: float) -> bool:
        return math.isclose(seen.time, value, rel_tol=FLOAT32_ERROR)

    causes = []
    if seen.time == 0.0:
        causes.append("the layer takes no step, or all its steps are zero")
    if equal(-duration):
        causes.append("the time runs in the wrong direction")
    if t0 is not None and t0 != 0.0 and equal(t0 + duration):
        causes.append("that is t1, so t0 is ignored")
    if equal(1.0):
        causes.append("it integrates over a unit of time whatever the interval is")
    if n_steps is not None and (equal(1.0 / n_steps) or equal(duration / n_steps)):
        causes.append("it takes a single step")
    return ", or ".join(causes)


def _wrong_steps(seen: Elapsed) -> str:
    """Return the excess in steps, and what else is known where it is no whole number."""
    if seen.n_steps is None:
        return f"off by {seen.error:+.2g}"
    if seen.grid:
        return seen.grid
    h = f"h = {seen.duration:.5g}/{seen.n_steps}"
    excess = seen.error / (seen.duration / seen.n_steps)
    count, word = round(excess), "many" if excess > 0 else "few"
    if count == 0 or abs(excess - count) >= WHOLE_STEPS_MARGIN:
        part = f"{plural(f'{abs(excess):.2g}', 'step')} of {h} too {word}, not a whole number"
        return _constant_factor(seen) or _factor_after_the_start(seen) or part
    if abs(count) > 1:
        return f"{plural(abs(count), 'step')} of {h} too {word}"
    steps = plural(seen.n_steps + count, "step")
    return f"one step too {word}, {steps} of {h}. {remedy(seen.n_steps, too_many=count > 0)}"
