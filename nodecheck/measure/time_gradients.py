"""Gradients with respect to times: those of a layer, the exact ones, and their errors over a ladder."""

from __future__ import annotations

import itertools
import math

import numpy as np

from nodecheck.layers import Array, Gradients, LayerUnderTest, Pullback, times_of
from nodecheck.measure.convergence import Ladder, fit_of, require_refinable
from nodecheck.numerics import relative_error
from nodecheck.numerics.constants import TIME_DIFFERENCE_STEP
from nodecheck.problems import Problem
from nodecheck.reference import sensitivity


def names_of_times(layer: LayerUnderTest) -> tuple[str, ...]:
    """Return the names of the times that a layer takes as tensors."""
    return ("ts",) if layer.claims.output_times else ("t0", "t1")


def with_times(layer: LayerUnderTest, problem: Problem) -> tuple[str, ...]:
    """Return the names of all groups, times among them, that require a gradient."""
    return (*problem.groups, *names_of_times(layer))


def enough_for_times(layer: LayerUnderTest, problem: Problem) -> int:
    """Return the number of cotangents that gives an RMS over as many numbers as the profile asks.

    Each cotangent gives one number for each time.
    """
    return max(2, math.ceil(layer.profile.cotangents / max(2, len(problem.ts))))


def pullbacks(layer: LayerUnderTest, problem: Problem, resolution: float) -> list[Pullback]:
    """Return the backward passes in which times require a gradient."""
    count = enough_for_times(layer, problem)
    return layer.gradients(problem, resolution, count, wrt=with_times(layer, problem))


def gradient_of_times(layer: LayerUnderTest, problem: Problem, resolution: float) -> Array:
    """Return ∂L/∂t for each cotangent and time, shape (C, T); what did not arrive counts as zero."""
    return np.stack([_joined(run.gradients, problem) for run in pullbacks(layer, problem, resolution)])


def _joined(gradients: Gradients, problem: Problem) -> Array:
    """Return the gradients with respect to all times as one vector, that of t0 first."""
    if "ts" in gradients:
        found = gradients["ts"]
        return np.zeros(max(2, len(problem.ts))) if found is None else found
    values = (gradients["t0"], gradients["t1"])
    return np.array([0.0 if value is None else float(value) for value in values])


def exact_gradient_of_times(layer: LayerUnderTest, problem: Problem) -> Array:
    """Return the exact ∂L/∂t for each cotangent and time, shape (C, T)."""
    reference = sensitivity(problem)
    cotangents = layer.cotangents(problem, enough_for_times(layer, problem))
    return np.stack([_joined(reference.pullback_of_times(w), problem) for w in cotangents])


def error_of_times(layer: LayerUnderTest, problem: Problem, resolution: float) -> float:
    """Return the error of ∂L/∂t in RMS over cotangents and times, relative to its size."""
    found = gradient_of_times(layer, problem, resolution)
    return relative_error(found, exact_gradient_of_times(layer, problem))


def ladder_of_times(layer: LayerUnderTest, problem: Problem, extra: int = 0) -> Ladder:
    """Return the errors of ∂L/∂t over the refinement ladder, with `extra` levels at its fine end."""
    require_refinable(layer, problem)
    levels = layer.levels(problem, extra)
    errors = [error_of_times(layer, problem, n) for n in levels]
    return fit_of(layer, problem, levels, errors)


def ends_steps_at(layer: LayerUnderTest, problem: Problem, n_steps: int) -> bool:
    """Return True if the field is evaluated at every output time before t1: then steps end there.

    Otherwise states are interpolated.  At t1 every grid ends, and not every method evaluates the field there.
    """
    told = np.sort(times_of(layer.solve(problem, n_steps).calls))
    gaps = np.array([float(np.min(np.abs(told - t), initial=math.inf)) for t in problem.ts[:-1]])
    near = min((abs(b - a) for a, b in itertools.pairwise(problem.ts)), default=abs(problem.duration))
    return bool((gaps <= math.sqrt(layer.eps) * near).all())


def distance_to_own_slope(layer: LayerUnderTest, problem: Problem, resolution: float) -> float:
    """Return the distance of ∂L/∂t to central differences of the layer's own states, relative to its size.

    Each time is moved by itself: a mistake in one of them may be small in a direction of all.
    """
    step = TIME_DIFFERENCE_STEP * abs(problem.duration)
    moves = step * np.eye(max(2, len(problem.ts)))
    changes = [
        (_solved_moved(layer, problem, by, resolution) - _solved_moved(layer, problem, -by, resolution))
        for by in moves
    ]
    cotangents = layer.cotangents(problem, enough_for_times(layer, problem))
    slopes = [[np.vdot(w, change) / (2 * step) for change in changes] for w in cotangents]
    return relative_error(gradient_of_times(layer, problem, resolution), np.array(slopes))


def _solved_moved(layer: LayerUnderTest, problem: Problem, by: Array, resolution: float) -> Array:
    return layer.solve(_moved(problem, by), resolution).y1


def _moved(problem: Problem, by: Array) -> Problem:
    """Return the problem with its times moved, and the same initial state."""
    times = tuple(float(t) for t in np.array(problem.ts or (problem.t0, problem.t1)) + by)
    return problem.replace(t0=times[0], t1=times[-1], ts=times if problem.ts else ())
