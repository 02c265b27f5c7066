"""Causes of a wrong gradient through output times: where the cotangent of each output time goes in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nodecheck.layers import Array, Gradients, LayerUnderTest
from nodecheck.measure.convergence import judged_groups
from nodecheck.numerics import group_errors, rms
from nodecheck.numerics.constants import (
    CLEAR_JUMP,
    EXPLAINED_SHARE,
    JUMP_COTANGENTS,
    PICTURE_DIGITS,
    SEPARATE_SHARES,
)
from nodecheck.problems import Problem
from nodecheck.reference import sensitivity
from nodecheck.results import Series, finite_or_nan
from nodecheck.results.phrases import in_per_cent

ARRIVALS = "Cotangents that arrive"  # the plot of a wrong gradient


def explain_gradient(layer: LayerUnderTest, problem: Problem) -> tuple[str, tuple[Series, ...]]:
    """Return how often, and at which times, the cotangent of each output enters the adjoint, and a picture.

    A gradient is the sum of what each output contributes.  So for a cotangent at one output time alone, it is
    told which contributions make up the gradient that arrived, with which weights: one for that output and
    zero for the others is right.
    """
    even = problem.at_shares(*SEPARATE_SHARES, name=f"{problem.name}_evenly")
    resolution = layer.tolerances()[-1] if layer.adaptive else layer.ladder()[2]
    columns = [_weights(layer, even, resolution, k) for k in range(len(even.ts))]
    weights = np.stack([column for column, _ in columns], axis=1)
    if max(left for _, left in columns) <= EXPLAINED_SHARE:
        return f"{_pattern(weights, even)} {_size(layer, problem, resolution)}", _arrivals(weights, even)
    return _worst_group(layer, problem, resolution), ()


def _arrivals(weights: Array, problem: Problem) -> tuple[Series, ...]:
    """Return how often the cotangent of each output arrives at its own place, beside how often it should."""
    ts = tuple(round(t, PICTURE_DIGITS) for t in problem.ts)
    own = finite_or_nan(np.diagonal(weights).round(PICTURE_DIGITS))
    axes = ("t of the output", "times that its cotangent arrives")
    return (
        Series(ARRIVALS, "exact", ts, (1.0,) * len(ts), *axes, "line"),
        Series(ARRIVALS, "the layer", ts, own, *axes, "points"),
    )


def _size(layer: LayerUnderTest, problem: Problem, resolution: float) -> str:
    """Return a sentence on the error for a cotangent at every output."""
    errors = _errors(layer, problem, resolution)
    return f"The gradients are off by {in_per_cent(min(errors.values()), max(errors.values()), 'their')}."


def _errors(layer: LayerUnderTest, problem: Problem, resolution: float) -> dict[str, float]:
    """Return the relative error of each group that can be judged, for a cotangent at every output."""
    (cotangent,) = layer.cotangents(problem, 1)
    found = layer.pullback(problem, resolution, cotangent).gradients
    off = group_errors([found], [sensitivity(problem).pullback(cotangent)])
    return {group: off[group] for group in judged_groups(problem)}


def _weights(layer: LayerUnderTest, problem: Problem, resolution: float, k: int) -> tuple[Array, float]:
    """Return the weights of the contributions for a cotangent at output k alone, and the share left over."""
    reference, groups = sensitivity(problem), judged_groups(problem)
    rows, found = [], []
    for cotangent in layer.cotangents(problem, JUMP_COTANGENTS):
        parts = []
        for j in range(len(problem.ts)):
            alone = np.zeros_like(cotangent)
            alone[j] = cotangent[k]
            parts.append(reference.pullback(alone))
        asked = np.zeros_like(cotangent)
        asked[k] = cotangent[k]
        arrived = layer.pullback(problem, resolution, asked).gradients
        scales = {g: max(rms(part[g]) for part in parts) or 1.0 for g in groups}
        rows.append(np.stack([_vector(part, scales, problem) for part in parts], axis=1))
        found.append(_vector(arrived, scales, problem))
    matrix, vector = np.concatenate(rows), np.concatenate(found)
    weights = np.linalg.lstsq(matrix, vector, rcond=None)[0]
    expected = rms(matrix[:, k]) or 1.0
    return weights, rms(matrix @ weights - vector) / expected


def _vector(gradients: Gradients, scales: Mapping[str, float], problem: Problem) -> Array:
    """Return all groups as one vector, each relative to its size; a gradient that did not arrive is zero."""
    parts: list[Array] = []
    for group, scale in scales.items():
        value = gradients[group]
        arrived: Array = np.zeros(problem.groups[group].shape) if value is None else value
        parts.append(arrived.ravel() / scale)
    return np.concatenate(parts)


def _pattern(weights: Array, problem: Problem) -> str:
    """Return the weights in words."""
    ts, last = problem.ts, len(problem.ts) - 1
    own = np.diagonal(weights)
    others = weights - np.diag(own)
    if by_one := _moved_by_one(weights):
        return by_one
    lost = [k for k in range(last + 1) if _is(own[k], 0) and not (np.abs(others[:, k]) > CLEAR_JUMP).any()]
    if lost == list(range(last)):
        return "Only the cotangent of the last output arrives: the adjoint does not jump at the others."
    if lost:
        times = ", ".join(f"{ts[k]:g}" for k in lost)
        return f"The cotangent of the output at t = {times} is dropped: the adjoint does not jump there."
    if np.allclose(weights, np.eye(last + 1)[::-1], atol=CLEAR_JUMP):
        return "Cotangents are added in reverse order: that of the first output at the last output time."
    moved = [(k, int(np.argmax(np.abs(others[:, k])))) for k in range(last + 1)]
    moved = [(k, j) for k, j in moved if abs(others[j, k]) > CLEAR_JUMP]
    if moved:
        k, j = max(moved, key=lambda pair: abs(others[pair[1], pair[0]]))
        return (
            f"The cotangent of the output at t = {ts[k]:g} is added at t = {ts[j]:g}, {others[j, k]:.2g} "
            f"times, and {own[k]:.1f} times in its own place: the adjoint jumps on the wrong side of an "
            f"interval."
        )
    worst = int(np.argmax(np.abs(own - 1)))
    if _is(own[worst], 1):
        return "The cotangent of every output counts once: what is wrong is smaller than that."
    alike = [k for k in range(last + 1) if _is(own[k], own[worst])]
    times = ", ".join(f"{ts[k]:g}" for k in alike)
    text = f"The cotangent of the output at t = {times} counts {own[worst]:.2g} times, not once"
    mean = _is(own[worst] * (last + 1), 1) and len(alike) > 1
    return f"{text}: with {last + 1} output times, that is a mean, not a sum." if mean else f"{text}."


def _moved_by_one(weights: Array) -> str:
    """Return that every cotangent enters at the output before or after its own; "" if not."""
    inner = range(1, len(weights) - 1)
    off = "an index is off by one in the loop over the output times"
    causes = {"after": off, "before": f"the adjoint jumps on the wrong side of an interval, or {off}"}
    for by, words in ((1, "after"), (-1, "before")):
        if all(_is(weights[k + by, k], 1) and _is(weights[k, k], 0) for k in inner):
            return f"Every cotangent is added at the output {words} its own: {causes[words]}."
    return ""


def _is(value: float, number: float) -> bool:
    return bool(abs(value - number) <= CLEAR_JUMP)


def _worst_group(layer: LayerUnderTest, problem: Problem, resolution: float) -> str:
    """Return the group whose gradient is farthest from the exact one, for a cotangent at every output."""
    errors = _errors(layer, problem, resolution)
    worst = max(errors, key=lambda group: np.nan_to_num(errors[group], nan=np.inf))
    amount = in_per_cent(errors[worst])
    seen = f"At {layer.claims.resolution} = {resolution:g}, ∂L/∂{worst} is off by {amount}"
    if errors["y0"] <= EXPLAINED_SHARE * errors[worst]:
        return (
            f"{seen}, and ∂L/∂y0 is right: so are state and adjoint.  Are the gradients of parameters summed "
            f"over all intervals between outputs?"
        )
    return (
        f"{seen}, and no weights of the cotangents explain it: the state or the adjoint between two output "
        f"times is wrong."
    )
