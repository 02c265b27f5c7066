"""From a wrong elapsed time to its cause: y' = 1 shows how long a layer integrates."""

from __future__ import annotations

import math

from nodecheck.numerics import EPS_FLOAT32, time_roundoff

# A float32 grid is off by a few eps of the largest time in it; a wrong step is off by 1/n, over 1e-5 for any
# grid in use.
_FLOAT32_ROUNDINGS = 16.0
# A whole number of steps is recognised through the rounding of a float32 grid of up to a thousand steps.
_WHOLE = 0.02


def explain_elapsed(elapsed: float, duration: float, n_steps: int, *, t0: float | None = None) -> str:
    """Return why a layer integrates over ``elapsed`` and not over ``duration``; "" if it does not.

    Parameters
    ----------
    elapsed
        What y' = 1 gained: the signed time that the layer integrated over.
    duration
        t1 - t0, signed.
    n_steps
        Number of steps the layer was asked to take.
    t0
        Start of the interval, if known: a layer that takes t1 for the duration is then named.
    """
    if not math.isfinite(elapsed):
        return f"The elapsed time is {elapsed}, not {duration:.5g}."
    error = elapsed - duration
    start = 0.0 if t0 is None else t0
    if abs(error) <= time_roundoff(n_steps, start, start + duration):
        return ""
    largest = max(abs(start), abs(start + duration), abs(duration))
    relative = abs(error) / largest
    if relative <= _FLOAT32_ROUNDINGS * EPS_FLOAT32:
        return (
            f"Integrates over {duration:.5g} with a relative error of {relative:.1g}: "
            "that is the rounding of a float32 time grid."
        )
    seen = f"Integrates over {elapsed:.5g}, not {duration:.5g}"
    return f"{seen}: {_cause(elapsed, duration, n_steps, t0)}."


def _cause(elapsed: float, duration: float, n_steps: int, t0: float | None) -> str:
    """Return all causes that fit, or the excess in steps."""

    def equal(value: float) -> bool:
        return math.isclose(elapsed, value, rel_tol=_FLOAT32_ROUNDINGS * EPS_FLOAT32)

    step = duration / n_steps
    excess = (elapsed - duration) / step
    size = f"{duration:.5g}/{n_steps}"
    causes = []
    if elapsed == 0.0:
        causes.append("the layer takes no step, or all its steps are zero")
    if equal(-duration):
        causes.append("the time runs in the wrong direction")
    if t0 is not None and t0 != 0.0 and equal(t0 + duration):
        causes.append("that is t1, so t0 is ignored")
    if equal(1.0):
        causes.append("it integrates over a unit of time whatever the interval is")
    if equal(1.0 / n_steps) or equal(step):
        causes.append("it takes a single step")
    if not causes:
        whole = abs(excess - round(excess)) < _WHOLE
        causes.append(f"about {excess:+.1f} steps of h = {size}" + ("" if whole else ", not a whole number"))
    return ", or ".join(causes)
