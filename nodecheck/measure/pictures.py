"""Curves for the report: the phase portrait of a planar problem, and the backward trajectory."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

import numpy as np

from nodecheck.layers import Array, Gradients, LayerUnderTest, Refusal, attempt
from nodecheck.numerics.constants import (
    PICTURE_ARROWS,
    PICTURE_BACKWARD_POINTS,
    PICTURE_BACKWARD_STEPS,
    PICTURE_DIGITS,
    PICTURE_MARGIN,
    PICTURE_MEMBERS,
    PICTURE_POINTS,
    PICTURE_STEPS,
    PICTURE_STROKE,
)
from nodecheck.problems import Problem, group_of
from nodecheck.reference import sensitivity, trajectory
from nodecheck.results import Series, finite_or_nan


def phase_portrait(layer: LayerUnderTest, problem: Problem) -> tuple[Series, ...]:
    """Return the field, the exact trajectories and the layer's, in the plane of a 2-D state."""
    members = range(min(PICTURE_MEMBERS, len(problem.y0)))
    fine = trajectory(problem, np.linspace(problem.t0, problem.t1, PICTURE_POINTS))
    coarse = _layer_trajectory(layer, problem, PICTURE_STEPS)

    def curve(label: str, path: Array, style: str) -> tuple[Series, ...]:
        return tuple(
            Series(
                "Phase portrait",
                label,
                finite_or_nan(path[:, i, 0].round(PICTURE_DIGITS)),
                finite_or_nan(path[:, i, 1].round(PICTURE_DIGITS)),
                "y₀",
                "y₁",
                style,
            )
            for i in members
        )

    return (
        _field(problem, fine[:, list(members)]),
        *curve("exact", fine, "line"),
        *curve(f"{layer.name}, {PICTURE_STEPS} steps", coarse, "points"),
    )


def _layer_trajectory(layer: LayerUnderTest, problem: Problem, n_steps: int) -> Array:
    """Return the layer's states on its own grid, by asking it for each end time in turn.

    NaN, a gap in the curve, where it refuses so few steps: a picture is no reason to fail.
    """
    h = problem.duration / n_steps
    states: list[Array] = [problem.y0]
    for k in range(1, n_steps + 1):
        part = problem.with_interval(problem.t0, problem.t0 + k * h)
        states.append(_state_or_gap(layer, part, k))
    return np.stack(states)


def _state_or_gap(layer: LayerUnderTest, problem: Problem, n_steps: int) -> Array:
    found = attempt(lambda: layer.solve(problem, n_steps).y1)
    return np.full_like(problem.y0, math.nan) if isinstance(found, Refusal) else found


def _field(problem: Problem, path: Array) -> Series:
    """Return the direction field at t0 as short strokes over the region of the trajectories."""
    low, high = path.min(axis=(0, 1)), path.max(axis=(0, 1))
    margin = PICTURE_MARGIN * (high - low)
    axes = [np.linspace(a, b, PICTURE_ARROWS) for a, b in zip(low - margin, high + margin, strict=True)]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    slope = problem.vector_field(np.float64(problem.t0), points, **problem.params)
    spacing = np.array([a[1] - a[0] for a in axes])
    length = np.sqrt(np.sum((slope / spacing) ** 2, axis=1, keepdims=True))
    strokes = PICTURE_STROKE * slope / np.where(length > 0, length, 1.0)
    x = np.stack([points[:, 0] - strokes[:, 0], points[:, 0] + strokes[:, 0]], axis=1)
    y = np.stack([points[:, 1] - strokes[:, 1], points[:, 1] + strokes[:, 1]], axis=1)
    gap = np.full((len(points), 1), math.nan)
    return Series(
        "Phase portrait",
        "field",
        tuple(np.hstack([x, gap]).ravel().round(PICTURE_DIGITS).tolist()),
        tuple(np.hstack([y, gap]).ravel().round(PICTURE_DIGITS).tolist()),
        "y₀",
        "y₁",
        "field",
    )


@functools.lru_cache
def remaining(problem: Problem) -> tuple[Problem, ...]:
    """Return the problem on [t, t1] from the exact state at t, for t back from t1; made once."""
    times = (
        problem.t1 - problem.duration * np.arange(1, PICTURE_BACKWARD_POINTS + 1) / PICTURE_BACKWARD_POINTS
    )
    times[-1] = problem.t0
    states = trajectory(problem, times)
    return tuple(
        problem.replace(y0=y).with_interval(float(t), problem.t1) for t, y in zip(times, states, strict=True)
    )


def backward_trajectory(layer: LayerUnderTest, problem: Problem, cotangent: Array) -> tuple[Series, ...]:
    """Return state, adjoint and parameter gradient against time, exact and as the layer has them.

    The layer is asked for the gradient over [t, t1] from the exact state at t: dL/dy(t) is the adjoint, and
    dL/dθ is the parameter gradient accumulated on the way back from t1 to t.
    """
    name = group_of(max(problem.params, key=lambda key: problem.params[key].size))
    rests = remaining(problem)
    exact = [_first_entries(sensitivity(rest).pullback(cotangent), name) for rest in rests]
    every = PICTURE_BACKWARD_POINTS // PICTURE_BACKWARD_STEPS
    seen = [
        _first_entries(_gradients_or_gap(layer, rest, k, cotangent), name)
        for k, rest in enumerate(rests[every - 1 :: every], start=1)
    ]
    times = tuple(rest.t0 for rest in rests)
    states = [rest.y0[0, 0] for rest in rests]
    forward = _layer_trajectory(layer, problem, PICTURE_BACKWARD_STEPS)[::-1][1:, 0, 0]

    def pair(plot: str, symbol: str, truth: Iterable[float], layers: Iterable[float]) -> tuple[Series, ...]:
        label = f"{layer.name}, {PICTURE_BACKWARD_STEPS} steps"
        return (
            Series(plot, "exact", times, finite_or_nan(truth), "t", symbol, "line"),
            Series(plot, label, times[every - 1 :: every], finite_or_nan(layers), "t", symbol, "points"),
        )

    return (
        *pair("State", "y(t)", states, forward),
        *pair("Adjoint", "a(t)", [e[0] for e in exact], [s[0] for s in seen]),
        *pair("Parameter gradient", f"∂L/∂{name}", [e[1] for e in exact], [s[1] for s in seen]),
    )


def _gradients_or_gap(layer: LayerUnderTest, problem: Problem, n_steps: int, cotangent: Array) -> Gradients:
    found = attempt(lambda: layer.pullback(problem, n_steps, cotangent).gradients)
    return dict.fromkeys(problem.groups) if isinstance(found, Refusal) else found


def _first_entries(gradients: Gradients, name: str) -> tuple[float, float]:
    """Return one entry of the adjoint and one of a parameter gradient; NaN where none arrived."""
    adjoint, parameter = gradients["y0"], gradients[name]
    return (
        math.nan if adjoint is None else float(adjoint.flat[0]),
        math.nan if parameter is None else float(parameter.flat[0]),
    )
