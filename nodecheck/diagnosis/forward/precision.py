"""Times and states that are numbers of a lower precision: evidence, where the size of an error is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nodecheck.layers import Array, Call, LayerUnderTest, Solution
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
    found = [
        ("the times are {} numbers", layer.format_of(row[1:])) for row in stage_times(run.calls, n_steps)
    ]
    found.append(("y1 consists of {} numbers", layer.format_of(run.y1)))
    sentences = [
        words.format(precision)
        for words, precision in found
        if precision and error <= n_steps * UNIT_ROUNDOFF[precision]
    ]
    return " and ".join(dict.fromkeys(sentences))


def other_steps(single: Solution, double: Solution) -> str:
    """Return a clause about the evaluations in float32 and float64, where they differ."""
    return f"{single.evaluations} evaluations of the field in float32, {double.evaluations} in float64"


def explain_float32(found: Solution, error: float, bound: float) -> str:
    """Return why a float32 solution differs from that in float64, with as many evaluations of the field.

    Numbers of an even lower precision are evidence; without them the difference itself is all that is known.
    """
    seen = (
        f"With as many evaluations of the field in both, {found.evaluations}, y1 in float32 differs from "
        f"that in float64 by {error:.2g} of its size; rounding allows {bound:.2g}."
    )
    parts = (
        ("y1 consists of {} numbers: keep the state in its own dtype.", format_of(found.y1)),
        (
            "The times are {} numbers: compute them in float64.",
            format_of(np.unique([call.t for call in found.calls])[1:]),
        ),
    )
    coarse = [words.format(name) for words, name in parts if name and name != "float32"]
    cause = " ".join(coarse) or (
        "Neither y1 nor the times are numbers of a lower precision: look for constants that differ between "
        "dtypes, and for small differences of large numbers."
    )
    return f"{seen}  {cause}"
