"""The log-determinant of a layer: exact, or an estimate by noise, whose weights can be read off."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from nodecheck.layers import Array, LayerUnderTest
from nodecheck.measure.convergence import Loss
from nodecheck.numerics import TOLERANCE_FACTOR
from nodecheck.numerics.constants import (
    BATCH_STEPS,
    IDENTITY_TOLERANCE,
    NOISE_SEEDS,
    NOISE_STEPS,
    SEPARATE_SHARES,
    SMALLEST_WEIGHT,
    USUAL_TOLERANCE,
)
from nodecheck.problems import Problem, estimated_by, linear_log_det, neural_log_det
from nodecheck.reference import sensitivity
from nodecheck.results import Inconclusive


def log_det_alone(cotangent: Array) -> Array:
    """Return the cotangent of the log-determinant, of one of the state and the log-determinant."""
    alone: Array = np.zeros_like(cotangent)
    alone[..., -1] = cotangent[..., -1]
    return alone


def state_alone(cotangent: Array) -> Array:
    """Return the cotangent of the state, of one of the state and the log-determinant."""
    return cotangent - log_det_alone(cotangent)


def log_det_groups(problem: Problem) -> tuple[str, ...]:
    """Return the groups on which the log-determinant depends enough to be judged."""
    sizes = {group: float(np.linalg.norm(row)) for group, row in _rows(problem).items()}
    largest = max(sizes.values())
    return tuple(group for group, size in sizes.items() if size >= SMALLEST_WEIGHT * largest)


def _rows(problem: Problem) -> dict[str, Array]:
    """Return the derivatives of l with respect to each group."""
    axis, jacobians = sensitivity(problem).y1.ndim - 1, sensitivity(problem).jacobians
    return {group: np.take(jacobian, -1, axis=axis) for group, jacobian in jacobians.items()}


OF_LOG_DET = Loss("l", log_det_alone, log_det_groups)


def log_det(layer: LayerUnderTest, problem: Problem, resolution: float, *, seed: int | None = None) -> Array:
    """Return l of each member; at output times with an axis of times in front."""
    values: Array = layer.solve(problem, resolution, seed=seed).y1[..., -1]
    return values


def posed_for(layer: LayerUnderTest, problem: Problem) -> Problem:
    """Return the problem, at output times where the layer has them."""
    if not layer.claims.output_times:
        return problem
    return problem.at_shares(*SEPARATE_SHARES, name=f"{problem.name}_at_outputs")


def rounding(layer: LayerUnderTest, problem: Problem, n_steps: int) -> float:
    """Return a bound on the error of l on a linear field: rounding, or the tolerance of an adaptive layer."""
    components: int = problem.y0.shape[1]
    size = max(float(np.max(np.abs(value))) for value in problem.params.values()) * components
    if layer.adaptive:
        return TOLERANCE_FACTOR * IDENTITY_TOLERANCE * size
    evaluations = max(1, layer.solve(problem, n_steps).evaluations)
    return layer.roundoff(evaluations * components, size * abs(problem.duration))


def is_random(layer: LayerUnderTest) -> bool:
    """Return True if l is another one for another seed of the random generators."""

    def differs() -> bool:
        problem, resolution = linear_log_det, _resolution(layer)
        first, second = (log_det(layer, problem, resolution, seed=s) for s in (layer.seed, layer.seed + 1))
        return not np.max(np.abs(first - second)) <= rounding(layer, problem, BATCH_STEPS)

    return layer.once("random log-determinant", differs)


def _resolution(layer: LayerUnderTest) -> float:
    return layer.resolution(tol=IDENTITY_TOLERANCE, n_steps=BATCH_STEPS)


def _another(layer: LayerUnderTest) -> float:
    return layer.resolution(tol=USUAL_TOLERANCE, n_steps=2 * BATCH_STEPS)


@dataclass(frozen=True, eq=False)
class Average:
    """The mean of l over seeds and members, beside the exact value.

    `error` is the standard error of the mean.
    """

    mean: float
    exact: float
    error: float


def average(layer: LayerUnderTest, problem: Problem) -> Average:
    """Return the mean of the estimates over many seeds on a problem whose l needs few steps."""

    def over_seeds() -> Average:
        resolution = layer.resolution(tol=IDENTITY_TOLERANCE, n_steps=NOISE_STEPS)
        seeds = range(layer.seed, layer.seed + NOISE_SEEDS)
        means = np.array([log_det(layer, problem, resolution, seed=s).mean() for s in seeds])
        exact = float(sensitivity(problem).y1[..., -1].mean())
        return Average(float(means.mean()), exact, float(means.std(ddof=1) / np.sqrt(NOISE_SEEDS)))

    return layer.once(("average log-determinant", problem), over_seeds)


def weights_of_value(layer: LayerUnderTest, *, another: bool = False) -> Array:
    """Return Q of each member in l = ∫ tr(Q ∂f/∂y) dt, shape (B, d, d), read off on linear fields.

    For y' = A y with one entry of A being one, the integral is the duration times one entry of Q: exact for
    every method.  What is there without a field is taken off.  The noise of a seed depends on the shape of y0
    alone, which is that of the network.
    """
    resolution = _another(layer) if another else _resolution(layer)

    def read() -> Array:
        size = neural_log_det.y0.shape[1] - 1
        weights = np.zeros((len(neural_log_det.y0), size, size))
        start = at_rest(layer)
        for i, j in itertools.product(range(size), repeat=2):
            entry = np.zeros((size, size))
            entry[i, j] = 1.0
            problem = linear_field(entry)
            weights[:, j, i] = (log_det(layer, problem, resolution) - start) / problem.duration
        return weights

    return layer.once(("weights of the log-determinant", resolution), read)


def at_rest(layer: LayerUnderTest) -> Array:
    """Return l of each member where the field is zero: it should be zero, too."""
    problem = linear_field(np.zeros_like(linear_log_det.params["A"]))
    return layer.once("log-determinant at rest", lambda: log_det(layer, problem, _resolution(layer)))


def weights_of_gradient(layer: LayerUnderTest) -> Array:
    """Return Q of each member as the backward pass has it: for y' = A y, ∂l/∂A is its transpose."""

    def read() -> Array:
        problem = linear_field(linear_log_det.params["A"])
        found = []
        for member in range(len(problem.y0)):
            cotangent = np.zeros_like(problem.y0)
            cotangent[member, -1] = 1.0
            gradient = layer.pullback(problem, _resolution(layer), cotangent).gradients["A"]
            found.append(np.zeros_like(problem.params["A"]) if gradient is None else gradient.T)
        return np.stack(found) / problem.duration

    return layer.once("weights of the gradient of the log-determinant", read)


def linear_field(matrix: Array) -> Problem:
    """Return y' = A y with the y0 of the network, whose shape the noise has."""
    zeros = np.zeros(len(matrix))
    return linear_log_det.replace(y0=neural_log_det.y0, params={"A": matrix, "b": zeros})


def with_its_noise(layer: LayerUnderTest, problem: Problem) -> Problem:
    """Return the problem of the l that a layer estimates with the noise of its seed; itself if there is none.

    Raises
    ------
    Inconclusive
        If the estimate is no sum of the entries of the Jacobian with weights.
    """
    return with_its_weights(layer, problem) if is_random(layer) else problem


def with_its_weights(layer: LayerUnderTest, problem: Problem) -> Problem:
    """Return the problem of the l that a layer returns, be it right or wrong: that of its gradient.

    Raises
    ------
    Inconclusive
        If it is no sum of the entries of the Jacobian with weights.
    """
    weights, matrix = weights_of_value(layer), linear_log_det.params["A"]
    field = linear_field(matrix)
    expected = at_rest(layer) + np.einsum("bij,ji->b", weights, matrix) * field.duration
    found = log_det(layer, field, _resolution(layer))
    if not np.max(np.abs(found - expected)) <= weights.size * rounding(layer, field, BATCH_STEPS):
        message = (
            "the log-determinant is no sum of the Jacobian's entries with weights of one noise: there is "
            "nothing to compare one estimate with, and its mean is judged"
        )
        raise Inconclusive(message)
    return estimated_by(problem, weights)


def own_log_det(layer: LayerUnderTest, problem: Problem, resolution: float) -> Array:
    """Return log |det ∂y1/∂y0| of each member, for the layer's own map from y0 to y1, from its gradients."""
    size = problem.y0.shape[1] - 1
    rows = []
    for i in range(size):
        cotangent = np.zeros_like(problem.y0)
        cotangent[:, i] = 1.0
        found = layer.pullback(problem, resolution, cotangent).gradients["y0"]
        rows.append(np.zeros((len(problem.y0), size)) if found is None else found[:, :-1])
    values: Array = np.linalg.slogdet(np.stack(rows, axis=1))[1]
    return values
