"""Curves that show a fault: the error of each entry of a gradient, and the times of evaluations."""

from __future__ import annotations

import math

import numpy as np

from nodecheck.layers import Array, Call, LayerUnderTest, Refusal, attempt
from nodecheck.measure.convergence import exact_gradients
from nodecheck.numerics import rms
from nodecheck.numerics.constants import PICTURE_DIGITS
from nodecheck.problems import Problem
from nodecheck.results import Series, finite_or_nan

BY_ENTRY, TIMES = "Gradient by entry", "Evaluation times"


def gradient_by_entry(layer: LayerUnderTest, problem: Problem, resolution: float) -> tuple[Series, ...]:
    """Return a map for each group: the error of every entry, in units of the RMS of the exact group.

    The error is the RMS over cotangents; x is the column of an entry, and a row begins where it is 0.  What
    did not arrive counts as zero.
    """
    exact = exact_gradients(layer, problem)
    runs = [run.gradients for run in layer.gradients(problem, resolution)]
    return tuple(
        _map_of(group, [run[group] for run in runs], [e[group] for e in exact]) for group in exact[0]
    )


def _map_of(group: str, found: list[Array | None], exact: list[Array]) -> Series:
    wanted = np.stack(exact)
    seen = np.stack([np.zeros_like(e) if f is None else f for f, e in zip(found, exact, strict=True)])
    size = rms(wanted) or 1.0
    error = np.sqrt(np.mean(np.abs(seen - wanted) ** 2, axis=0)) / size
    width = wanted.shape[-1] if wanted.ndim > 1 else 1
    columns = tuple(float(k % width) for k in range(error.size))
    values = finite_or_nan(float(f"{e:.3g}") for e in np.atleast_1d(error).ravel())
    return Series(BY_ENTRY, f"∂L/∂{group}", columns, values, "column", "relative error", "cells")


def times_of_evaluations(
    layer: LayerUnderTest, problem: Problem, n_steps: int, *, with_gradient: bool
) -> tuple[Series, ...]:
    """Return the times of the steps that were asked for, and those that the field is told in each pass."""
    grid = problem.t0 + problem.duration * np.arange(n_steps + 1) / n_steps
    found = [_marks("steps asked for", grid)]
    forward = attempt(lambda: layer.solve(problem, n_steps).calls)
    found += [_marks("forward pass", _times(forward))] if not isinstance(forward, Refusal) else []
    if with_gradient:
        backward = attempt(lambda: layer.gradients(problem, n_steps, 1)[0].calls)
        found += [_marks("backward pass", _times(backward))] if not isinstance(backward, Refusal) else []
    return tuple(series for series in found if series.x)


def _times(calls: tuple[Call, ...]) -> Array:
    return np.array(sorted({call.t for call in calls if not math.isnan(call.t)}))


def _marks(label: str, times: Array) -> Series:
    x = tuple(np.round(times, PICTURE_DIGITS).tolist())
    return Series(TIMES, label, x, (0.0,) * len(x), "t", "", "marks")
