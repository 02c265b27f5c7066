"""From a wrong elapsed time to its cause: y' = 1 shows the time that a layer integrates over."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from nodecheck.numerics import EPS_FLOAT32, time_roundoff
from nodecheck.numerics.constants import (
    ALIKE,
    FLOAT32_ROUNDINGS,
    MOST_STEP_DECIMALS,
    NEAR_ONE_FACTOR,
    WHOLE_STEPS_MARGIN,
)
from nodecheck.numerics.formats import UNIT_ROUNDOFF, rounded

# A value is recognised through the rounding of a float32 grid: a few eps of the largest time in it.
_FLOAT32_RTOL = FLOAT32_ROUNDINGS * EPS_FLOAT32
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
        A mistake in the times at which the steps begin: "the last step begins at 0.9, not at 1.6".
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

    @property
    def error(self) -> float:
        """Signed excess over t1 - t0."""
        return self.time - self.duration

    @property
    def rounding(self) -> float:
        """Bound on the error of a right layer."""
        start = self.t0 or 0.0
        return time_roundoff(self.n_steps or 1, start, start + self.duration)

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
    if relative > _FLOAT32_RTOL:
        causes = causes or _recognised_value(seen) or _wrong_steps(seen)
        return f"Integrates over {seen.time:.5g}, not {seen.duration:.5g}: {causes}."
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


def _recognised_value(seen: Elapsed) -> str:
    """Return all mistakes of which the time is the plain result: t1, 1, a single step, none."""
    duration, n_steps, t0 = seen.duration, seen.n_steps, seen.t0

    def equal(value: float) -> bool:
        return math.isclose(seen.time, value, rel_tol=_FLOAT32_RTOL)

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
    excess = seen.error / (seen.duration / seen.n_steps)
    count = round(excess)
    whole = count != 0 and abs(excess - count) < WHOLE_STEPS_MARGIN
    in_steps = f"about {excess:+.1f} steps of h = {seen.duration:.5g}/{seen.n_steps}"
    if seen.grid:
        return f"{in_steps if whole else ''}; {seen.grid}".removeprefix("; ")
    if not whole:
        return _constant_factor(seen) or f"{in_steps}, not a whole number"
    if abs(count) > 1:
        return in_steps
    return (
        f"one step too {'many' if count > 0 else 'few'}, {in_steps}. A grid of {seen.n_steps} steps has "
        f"{seen.n_steps + 1} points, and a step begins at each but the last"
    )
