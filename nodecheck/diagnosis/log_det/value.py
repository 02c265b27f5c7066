"""Causes of a wrong log-determinant: the weights that it gives to the entries of the Jacobian, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nodecheck.layers import Array, LayerUnderTest
from nodecheck.measure.log_det import (
    at_rest,
    average,
    is_random,
    log_det,
    weights_of_value,
)
from nodecheck.numerics import relative_error
from nodecheck.numerics.constants import CLEAR_WEIGHT, LOG_DET_LEFT_OVER
from nodecheck.problems import Problem
from nodecheck.reference import sensitivity


def explain_value(layer: LayerUnderTest, problem: Problem, resolution: float) -> str:
    """Return how far l is off for the member where it is worst, and why."""
    exact = sensitivity(problem).y1[..., -1]
    found = log_det(layer, problem, resolution)
    worst = np.unravel_index(int(np.argmax(np.abs(found - exact))), exact.shape)
    seen = (
        f"At {layer.claims.resolution} = {resolution:g}, l of member {worst[-1]} is {found[worst]:.4g}, not "
        f"{exact[worst]:.4g}."
    )
    if is_random(layer):
        return f"{seen} {explain_noise(layer)}".strip()
    weights = weights_of_value(layer)
    values = _of_batch(exact) + (_of_outputs(exact) if problem.ts else [])
    if problem.duration < 0 and _close(weights, np.eye(weights.shape[-1])):  # those of a solve forwards
        values.append((-exact, "It is -1 times the log-determinant where time runs backwards."))
    return f"{seen} {_first(values, found, exact) or explain_weights(weights, layer, problem)}".strip()


def explain_weights(weights: Array, layer: LayerUnderTest, problem: Problem) -> str:
    """Return what l is, from its weights of the entries of the Jacobian; "" if they are right."""
    start = at_rest(layer)
    if np.max(np.abs(start)) > CLEAR_WEIGHT:
        return f"It is {start[0]:.3g} where nothing moves: l does not start at zero."
    size = weights.shape[-1]
    identity, mean = np.eye(size), weights.mean(axis=0)
    if _close(weights, identity):
        return (
            "Asked for t1 alone, l is right where the divergence is constant: here the divergence is taken "
            "at another time or state than that of the solver's stages."
        )
    factor = float(np.trace(mean)) / size
    if not np.max(np.abs(weights)) > CLEAR_WEIGHT:
        return "It is zero whatever the field: the divergence is lost."
    if _close(weights, factor * identity):
        return f"It is {factor:.3g} times the log-determinant: {_named(factor, layer, problem)}."
    alone = [i for i in range(size) if _close(weights, np.diag(identity[i]))]
    if alone:
        return f"It has the entry ({alone[0]}, {alone[0]}) of the Jacobian alone: the others are not added."
    if _close(weights, np.ones_like(identity)):
        return (
            "All entries of the Jacobian are added, not those of its diagonal: the sum of all components is "
            "differentiated at once. Differentiate each component by itself, and take its own entry."
        )
    if _of_rank_one(weights):
        return (
            "It is an estimate by a noise that is the same in every call, and no average over calls gets rid "
            "of its error. Draw the noise from PyTorch's own generator."
        )
    return "It is no multiple of the trace: " + _largest_of(mean)


def _close(weights: Array, expected: Array) -> bool:
    return bool(np.max(np.abs(weights - expected)) <= CLEAR_WEIGHT)


def _named(factor: float, layer: LayerUnderTest, problem: Problem) -> str:
    """Return the cause of a factor."""
    members, size = weights_of_value(layer).shape[:2]
    causes = {
        -1.0: "its sign is wrong. log p changes by −l, l itself is log |det ∂y1/∂y0|",
        1.0 / size: "a mean over the components is taken, not their sum",
        float(members): "it is summed over the batch",
        1.0 / members: "it is divided by the number of members, but belongs to each of them alone",
        abs(problem.duration): "it is multiplied by t1 − t0 once more",
        1.0 / abs(problem.duration): "it is divided by t1 − t0",
    }
    nearest = min(causes, key=lambda value: abs(value - factor))
    return causes[nearest] if abs(nearest - factor) <= CLEAR_WEIGHT else "a factor is wrong"


def _first(values: Sequence[tuple[Array, str]], found: Array, exact: Array) -> str:
    """Return the cause of the first value that l is; "" if it is none of them."""
    left_over = LOG_DET_LEFT_OVER * relative_error(found, exact)
    same = (cause for value, cause in values if relative_error(found, value) <= left_over)
    return next(same, "")


def _of_batch(exact: Array) -> list[tuple[Array, str]]:
    """Return the mean and the sum over the batch, each with its words."""
    several = {"mean": exact.mean(axis=-1, keepdims=True), "sum": exact.sum(axis=-1, keepdims=True)}
    return [
        (
            np.broadcast_to(value, exact.shape),
            f"Every member has the {name} over the batch. Add over the last axis only.",
        )
        for name, value in several.items()
    ]


def _of_outputs(exact: Array) -> list[tuple[Array, str]]:
    """Return l of other intervals, at output times, each with its words."""
    start = np.zeros_like(exact[:1])
    return [
        (np.diff(exact, axis=0, prepend=start), "It starts at zero again at every output time."),
        (np.concatenate([start, exact[:-1]]), "Each l comes one output time late."),
    ]


def _of_rank_one(weights: Array) -> bool:
    """Return True if the weights of each member are products of a noise with itself."""
    values = np.linalg.eigvalsh((weights + np.swapaxes(weights, -1, -2)) / 2)
    return bool(np.max(np.abs(values[:, :-1])) <= CLEAR_WEIGHT * np.max(values[:, -1]))


def _largest_of(mean: Array) -> str:
    """Return the weight that is the farthest from that of a trace."""
    i, j = np.unravel_index(int(np.argmax(np.abs(mean - np.eye(len(mean))))), mean.shape)
    return f"the entry ({j}, {i}) of the Jacobian has the weight {mean[i, j]:.2g}, not {float(i == j):g}."


def explain_average(layer: LayerUnderTest, problem: Problem) -> str:
    """Return the mean of an estimate that is biased, and the factor if one is recognised."""
    found = average(layer, problem)
    ratio = found.mean / found.exact
    named = _named(ratio, layer, problem)
    cause = "" if named == "a factor is wrong" else f", as where {named}"
    return (
        f"The mean of l over seeds is {found.mean:.4g} ± {found.error:.2g}, not {found.exact:.4g}, which is "
        f"{ratio:.2g} times as much{cause}. The noise has to have mean zero, variance one, and independent "
        f"components."
    )


def explain_noise(layer: LayerUnderTest) -> str:
    """Return that the noise changes within a solve, if it does."""
    change = np.max(np.abs(weights_of_value(layer, another=True) - weights_of_value(layer)))
    if change <= CLEAR_WEIGHT:
        return (
            "For the noise of this seed the divergence is taken at another time or state than that of the "
            "solver's stages."
        )
    return (
        "The noise is drawn anew in each evaluation: l is then no smooth function of time, and its error "
        "shrinks like the square root of the step, whatever the order. Draw it once, before the solve."
    )
