"""Times and states that are numbers of a lower precision: evidence, where the size of an error is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nodecheck.layers import Array, Call, LayerUnderTest
from nodecheck.numerics.formats import UNIT_ROUNDOFF, format_of
from nodecheck.problems import Problem


def stage_times(calls: Sequence[Call], n_steps: int) -> Array:
    """Return the times of the calls, one row per stage; one row in all if the steps do not call alike."""
    times = np.array([call.t for call in calls], dtype=np.float64)
    return times.reshape(n_steps, -1).T if times.size and times.size % n_steps == 0 else times[None]


def rounded_parts(layer: LayerUnderTest, problem: Problem, n_steps: int, error: float) -> str:
    """Return e.g. "the times are float32 numbers" or "y1 consists of float32 numbers"; "" if nothing does.

    Only what explains a relative ``error``: rounding in each step errs by at most a unit roundoff per step.
    The problem is one whose grid and final state are no such numbers.  The ends of the grid may be given as
    they are: the times of the steps between decide.
    """
    run = layer.solve(problem, n_steps)
    found = [("the times are {} numbers", format_of(row[1:])) for row in stage_times(run.calls, n_steps)]
    found.append(("y1 consists of {} numbers", format_of(run.y1)))
    sentences = [
        words.format(precision)
        for words, precision in found
        if precision and error <= n_steps * UNIT_ROUNDOFF[precision]
    ]
    return " and ".join(dict.fromkeys(sentences))
