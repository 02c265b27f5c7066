"""The times that states on a straight line belong to, in words."""

from __future__ import annotations

import numpy as np

from nodecheck.layers import Array
from nodecheck.numerics.constants import NO_OTHER_TIME, WHOLE_STEP
from nodecheck.problems import Problem


def explain_other_times(problem: Problem, ys: Array, bound: float, *, steps: int | None) -> str:
    """Return what the states on a constant field are the states of.

    Parameters
    ----------
    problem
        y' = c, with output times.
    ys
        The states, shape (T, B, d).
    bound
        The error that rounding, or the tolerance, leaves.
    steps
        The number of steps that was asked for; None for an adaptive layer.
    """
    rate = problem.params["c"]
    every = (ys - problem.y0) / rate  # the time from t0, by member and component
    elapsed, spread = every.mean(axis=(1, 2)), np.ptp(every, axis=(1, 2))
    error = bound / float(np.min(np.abs(rate)))
    if not (spread <= 2 * error).all():
        return "The states at output times are no states of the solution: they do not lie on one line."
    wanted = np.array(problem.ts) - problem.t0
    wrong = int(np.argmax(np.abs(elapsed - wanted)))
    if _close(elapsed, wanted, NO_OTHER_TIME * abs(problem.duration)):
        return (
            f"The states are off by {float(np.max(np.abs(elapsed - wanted))):.2g} in time, as where times or "
            f"coefficients of the method are rounded to float32."
        )
    seen = (
        f"ys[{wrong}] is the state at t = {problem.t0 + elapsed[wrong]:.6g}, and ts[{wrong}] = "
        f"{problem.ts[wrong]:.6g}"
    )
    for times, cause in _causes(problem, wanted, steps):
        if _close(elapsed, times, error):
            return f"{seen}: {cause}"
    return f"{seen}."


def _close(elapsed: Array, times: Array, error: float) -> bool:
    return bool(np.max(np.abs(elapsed - times)) <= 2 * error)


def _causes(problem: Problem, wanted: Array, steps: int | None) -> list[tuple[Array, str]]:
    """Return the times of which the states would be, and the cause in words."""
    count, duration = len(wanted), problem.duration
    causes = [
        (wanted[::-1], "the states come in reverse order. Return them in the order of ts."),
        (np.linspace(0, duration, count), "ts is taken for equally spaced. Solve at the times themselves."),
        (np.append(wanted[1:], wanted[-1]), "the state at t0 is left out, and the others move up."),
        (np.append(wanted[0], wanted[:-1]), "each state comes one place late."),
        (np.zeros(count), "all states are y0."),
        (np.full(count, wanted[-1]), "all states are the last one: they share memory, or one is returned."),
        (np.diff(wanted, prepend=0.0), "every interval begins at y0 again, not at the state before."),
    ]
    if steps is not None:
        h = duration / steps
        places = wanted / h
        nearest = "the state at {} is taken. End a step at each output time, or interpolate."
        causes += [
            (h * np.floor(places + WHOLE_STEP), nearest.format("the step before")),
            (h * np.ceil(places - WHOLE_STEP), nearest.format("the step after")),
            (h * np.round(places), nearest.format("the nearest step")),
        ]
    return causes
