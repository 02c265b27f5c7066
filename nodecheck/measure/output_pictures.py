"""Curves for the report on a layer with output times: the states, and the adjoint with its jumps."""

from __future__ import annotations

import functools
import math

import numpy as np

from nodecheck.layers import Array, LayerUnderTest, Refusal, attempt
from nodecheck.numerics.constants import (
    PICTURE_BACKWARD_POINTS,
    PICTURE_BACKWARD_STEPS,
    PICTURE_DIGITS,
    PICTURE_POINTS,
    USUAL_TOLERANCE,
)
from nodecheck.problems import Problem
from nodecheck.reference import sensitivity, trajectory
from nodecheck.results import Series, finite_or_nan

STATES, ADJOINT = "States at outputs", "Adjoint at outputs"


def pictures_at_outputs(layer: LayerUnderTest, problem: Problem, cotangent: Array) -> tuple[Series, ...]:
    """Return one component of the state and of the adjoint against time, exact and as the layer has them.

    The adjoint jumps by the cotangent of each output.  At an output the layer is asked for the gradient of
    the outputs from there on, from the exact state: that is the adjoint there, and the cotangent less it is
    what came from later outputs.
    """
    n = PICTURE_BACKWARD_STEPS
    label = f"{layer.name}, " + layer.resolution(tol=f"tol {USUAL_TOLERANCE:g}", n_steps=f"{n} steps")
    fine = np.linspace(problem.t0, problem.t1, PICTURE_POINTS)
    found = attempt(lambda: layer.solve(problem, layer.resolution(tol=USUAL_TOLERANCE, n_steps=n)).y1)
    ys = np.full(len(problem.ts), math.nan) if isinstance(found, Refusal) else found[:, 0, 0]
    return (
        _series(STATES, "exact", fine, trajectory(problem, fine)[:, 0, 0], "y(t)", "line"),
        _series(STATES, label, np.array(problem.ts), ys, "y(t)", "points"),
        _series(ADJOINT, "exact", *_exact_adjoint(problem, cotangent), "a(t)", "line"),
        _series(ADJOINT, label, *_layer_adjoint(layer, problem, cotangent), "a(t)", "points"),
    )


def _series(plot: str, label: str, t: Array, values: Array, symbol: str, style: str) -> Series:
    x, y = (finite_or_nan(v.round(PICTURE_DIGITS)) for v in (t, values))
    return Series(plot, label, x, y, "t", symbol, style)


@functools.lru_cache
def _with_times_between(problem: Problem) -> Problem:
    """Return the problem with more output times, evenly between its own, so that the adjoint is a curve."""
    more = np.linspace(problem.t0, problem.t1, PICTURE_BACKWARD_POINTS + 1)
    ts = sorted({*problem.ts, *map(float, more[1:-1])}, reverse=problem.duration < 0)
    return problem.replace(name=f"{problem.name}_drawn", ts=tuple(ts))


def _exact_adjoint(problem: Problem, cotangent: Array) -> tuple[Array, Array]:
    """Return times from t1 back to t0, each output twice, and the adjoint there: before and after its jump.

    With J(t) the derivative of y(t) with respect to y0, J(t)ᵀ a(t) is the sum of J(t_k)ᵀ w_k over the outputs
    from t on.
    """
    drawn = _with_times_between(problem)
    jacobians = sensitivity(drawn).jacobians["y0"][:, 0]
    own = dict(zip(problem.ts, cotangent[:, 0], strict=True))
    times, values, carried = [], [], np.zeros(problem.y0.shape[-1])
    for t, jacobian in zip(reversed(drawn.ts), reversed(jacobians), strict=True):
        for w in (0.0, own[t]) if t in own else (0.0,):
            carried = carried + jacobian.T @ np.broadcast_to(w, carried.shape)
            times.append(t)
            values.append(np.linalg.solve(jacobian.T, carried)[0])
    return np.array(times), np.array(values)


def _layer_adjoint(layer: LayerUnderTest, problem: Problem, cotangent: Array) -> tuple[Array, Array]:
    """Return the outputs before t1, the last first and each twice, and the layer's adjoint there."""
    states = trajectory(problem, problem.ts)
    times, values = [], []
    for k in reversed(range(len(problem.ts) - 1)):
        rest = problem.replace(y0=states[k], t0=problem.ts[k], ts=problem.ts[k:])
        share = rest.duration / problem.duration
        n_steps = max(1, math.ceil(PICTURE_BACKWARD_STEPS * share))
        resolution = layer.resolution(tol=USUAL_TOLERANCE, n_steps=n_steps)
        adjoint = attempt(functools.partial(_adjoint_at_start, layer, rest, resolution, cotangent[k:]))
        after = math.nan if isinstance(adjoint, Refusal) else adjoint
        times += [problem.ts[k]] * 2
        values += [after - cotangent[k, 0, 0], after]
    return np.array(times), np.array(values)


def _adjoint_at_start(layer: LayerUnderTest, rest: Problem, resolution: float, cotangent: Array) -> float:
    found = layer.pullback(rest, resolution, cotangent).gradients["y0"]
    return math.nan if found is None else float(found[0, 0])
