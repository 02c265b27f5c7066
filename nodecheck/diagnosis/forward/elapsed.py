"""From a wrong elapsed time to its cause: y' = 1 shows how long a layer integrates."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from nodecheck.numerics import EPS_FLOAT32, time_roundoff
from nodecheck.numerics.formats import UNIT_ROUNDOFF, rounded

# A telling value is recognised through the rounding of a float32 grid: a few eps of the largest time in it.
_FLOAT32_ROUNDINGS = 16.0
# A whole number of steps is recognised through the rounding of a float32 grid of up to a thousand steps.
_WHOLE = 0.02
# Steps are rounded to some decimals by hand, for a name or a log; beyond ten that is not told from rounding.
_MOST_DECIMALS = 10
# Two elapsed times show the same mistake if their errors agree in three digits.
_ALIKE = 1e-3
_NOTHING_KNOWN = "neither a number of steps, nor the rounding of the time grid or of the step"


@dataclasses.dataclass(frozen=True)
class Elapsed:
    """What y' = c gained, over c: the signed time that a layer integrated over, and how it was measured.

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
        What of the run consists of numbers of a lower precision: "the times are float32 numbers".
    others
        The shortest and the longest time, where components or batch members differ.
    grid
        What is wrong with the times at which the steps begin: "the last step begins at 0.9, not at 1.6".
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
        """How much too long it is."""
        return self.time - self.duration

    @property
    def rounding(self) -> float:
        """What a right layer may be off by."""
        start = self.t0 or 0.0
        return time_roundoff(self.n_steps or 1, start, start + self.duration)

    def equals(self, value: float) -> bool:
        """Tell whether the time is a value, to rounding, and the right time is not."""
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
    causes = " or ".join(_rounded_steps(seen)) or seen.coarse or _uneven(seen)
    if relative > _FLOAT32_ROUNDINGS * EPS_FLOAT32:
        return f"Integrates over {seen.time:.5g}, not {seen.duration:.5g}: {causes or _cause(seen)}."
    text = f"Integrates over {seen.duration:.5g} with a relative error of {relative:.1g}"
    return f"{text}: {causes or _alike(seen) or _NOTHING_KNOWN}."


def _uneven(seen: Elapsed) -> str:
    if seen.others is None:
        return ""
    shortest, longest = (f"{each - seen.duration:+.2g}" for each in seen.others)
    return f"off by {shortest} to {longest}, so it is not the grid, which all members and components share"


def _rounded_steps(seen: Elapsed) -> Iterator[str]:
    """Yield what is rounded, where the time is that of rounded numbers to the last bit."""
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
    for decimals in range(1, _MOST_DECIMALS + 1):
        if seen.equals(n * round(h, decimals)):
            yield f"each step is {round(h, decimals):g}, h rounded to {decimals} decimals"
            return


def _alike(seen: Elapsed) -> str:
    """Return what two numbers of steps have in common, if they have: a factor."""
    if seen.finer is None or seen.n_steps is None or abs(seen.finer - seen.time) > _ALIKE * abs(seen.error):
        return ""
    factor = seen.time / seen.duration
    shown = (
        f"{factor:.4g}"
        if abs(factor - 1) > _ALIKE
        else f"1 {'+' if factor > 1 else '-'} {abs(factor - 1):.2g}"
    )
    return (
        f"{shown} times as long, with {seen.n_steps} steps and with {2 * seen.n_steps} alike, "
        f"as weights do that add up to {shown}"
    )


def _cause(seen: Elapsed) -> str:
    """Return all causes that fit, or the excess in steps."""
    duration, n_steps, t0 = seen.duration, seen.n_steps, seen.t0

    def equal(value: float) -> bool:
        return math.isclose(seen.time, value, rel_tol=_FLOAT32_ROUNDINGS * EPS_FLOAT32)

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
    if causes:
        return ", or ".join(causes)
    return _in_steps(seen, n_steps) if n_steps is not None else f"off by {seen.error:+.2g}"


def _in_steps(seen: Elapsed, n_steps: int) -> str:
    """Return the excess in steps, and what else is known where it is no whole number."""
    excess = seen.error / (seen.duration / n_steps)
    whole = round(excess) != 0 and abs(excess - round(excess)) < _WHOLE
    in_steps = f"about {excess:+.1f} steps of h = {seen.duration:.5g}/{n_steps}"
    if seen.grid:
        return f"{in_steps if whole else ''}; {seen.grid}".removeprefix("; ")
    return in_steps if whole else _alike(seen) or f"{in_steps}, not a whole number"
