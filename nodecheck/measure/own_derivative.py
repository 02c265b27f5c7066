"""The gradient against the layer's own forward pass: finite differences, Taylor remainder, backprop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nodecheck.layers import Array, LayerUnderTest
from nodecheck.measure.controls import control
from nodecheck.measure.convergence import exact_gradients, judged_groups
from nodecheck.numerics import FLOOR_FACTOR, REPORTED_ERROR_FACTOR, SEPARATION, rms
from nodecheck.numerics.constants import (
    DIFFERENCE_POWER_IN_NARROW_DTYPES,
    DIFFERENCE_STEP,
    DIFFERENCE_STEP_IN_NARROW_DTYPES,
    DIRECTION_SALT,
    SEPARATION_IN_NARROW_DTYPES,
    TAYLOR_DISTANCES,
    TAYLOR_FITTED,
)
from nodecheck.problems import Problem
from nodecheck.results import Inconclusive


@dataclass(frozen=True)
class Distance:
    """Distance of the gradient of a group to the derivative of the layer's own forward map.

    Both `value` and `bound` are relative to the size of the exact directional derivative; `bound` is what
    finite differences and rounding leave undecided.
    """

    value: float
    bound: float

    @property
    def at_rounding(self) -> bool:
        """True if nothing is left but the error of the finite differences."""
        return self.value <= self.bound


def own_derivative_distance(layer: LayerUnderTest, problem: Problem, n_steps: int) -> Distance:
    """Return the distance to finite differences of the forward map, all judged groups moved at once.

    One difference quotient tells whether there is anything to look for; `own_derivative_distances` takes one
    for each group, and tells where.

    Raises
    ------
    Inconclusive
        If SciPy's difference quotient does not converge: the forward map is not smooth.
    """

    def together() -> Distance:
        groups = _directions(layer, problem)
        as_far_as_one = {g: v / math.sqrt(len(groups)) for g, v in groups.items()}
        return _distance(layer, problem, n_steps, as_far_as_one)

    return layer.once(("own_derivative_distance", problem, n_steps), together)


def own_derivative_distances(layer: LayerUnderTest, problem: Problem, n_steps: int) -> dict[str, Distance]:
    """Return for every judged group the distance to finite differences of the forward map.

    Raises
    ------
    Inconclusive
        If SciPy's difference quotient does not converge: the forward map is not smooth.
    """

    def each() -> dict[str, Distance]:
        directions = _directions(layer, problem)
        return {g: _distance(layer, problem, n_steps, {g: v}) for g, v in directions.items()}

    return layer.once(("own_derivative_distances", problem, n_steps), each)


def _directions(layer: LayerUnderTest, problem: Problem) -> dict[str, Array]:
    return {g: random_direction(layer, problem, g, k) for k, g in enumerate(judged_groups(problem))}


def _distance(
    layer: LayerUnderTest, problem: Problem, n_steps: int, directions: dict[str, Array]
) -> Distance:
    """Return the distance along one direction: the extrapolated quotient serves all cotangents (RMS)."""
    cotangents = layer.cotangents(problem)
    slope, error = _difference_quotient(layer, problem, n_steps, directions)
    quotients = np.array([np.vdot(w, slope) for w in cotangents])
    unknown = np.array([np.vdot(np.abs(w), error) for w in cotangents])
    claimed = np.array([_along(run.gradients, directions) for run in layer.gradients(problem, n_steps)])
    scale = rms(np.array([_along(e, directions) for e in exact_gradients(layer, problem)])) or 1.0
    evaluations = max(1, layer.solve(problem, n_steps).evaluations)
    size = sum(direction.size for direction in directions.values())
    bound = max(
        REPORTED_ERROR_FACTOR * rms(unknown) / scale,
        _rounding(layer, evaluations * size) / difference_step(layer),
    )
    return Distance(rms(claimed - quotients) / scale, bound)


def random_direction(layer: LayerUnderTest, problem: Problem, group: str, salt: int) -> Array:
    """Return a Gaussian direction of the shape and size of a group."""
    value = problem.groups[group]
    return layer.rng(DIRECTION_SALT + salt).standard_normal(value.shape) * (rms(value) or 1.0)


def moved(problem: Problem, directions: dict[str, Array], distance: float) -> Problem:
    """Return the problem with its groups moved by `distance` along `directions`."""
    groups = {
        name: value + distance * directions[name] if name in directions else value
        for name, value in problem.groups.items()
    }
    return problem.replace(y0=groups["y0"], params=problem.params_of(groups))


def _difference_quotient(
    layer: LayerUnderTest, problem: Problem, n_steps: int, directions: dict[str, Array]
) -> tuple[Array, Array]:
    """Return dy1/ds along the directions and SciPy's estimate of its error."""
    from scipy.differentiate import derivative

    def along(s: Array) -> Array:
        """Return y1 at the distances in any row of s, which are all equal: shape (size of y1, k)."""
        distances = np.atleast_2d(s.T).T[0]
        return np.stack(
            [layer.solve(moved(problem, directions, float(x)), n_steps).y1.ravel() for x in distances],
            axis=-1,
        )

    start = np.zeros(math.prod(problem.output_shape))
    size = float(np.max(np.abs(layer.solve(problem, n_steps).y1)))
    # A component that hardly moves has no relative accuracy to reach: it is held to that of the state.
    result = derivative(  # type: ignore[call-overload]  # the stubs know f(float) and f(1-d array) only
        lambda s: along(s).reshape(s.shape),
        start,
        initial_step=difference_step(layer),
        preserve_shape=True,
        tolerances=_tolerances(layer, size),
    )
    if not np.all(result.status == 0):
        message = f"finite differences of the forward map do not converge at {n_steps} steps"
        raise Inconclusive(message)
    shape = problem.output_shape
    return result.df.reshape(shape), result.error.reshape(shape)


def _tolerances(layer: LayerUnderTest, size: float) -> dict[str, float]:
    """Return the tolerances of a difference quotient: in a narrow dtype both, as near rounding as it gets."""
    if not layer.narrow:
        return {"atol": math.sqrt(layer.eps) * size}
    tolerance = layer.eps**DIFFERENCE_POWER_IN_NARROW_DTYPES
    return {"atol": tolerance * size, "rtol": tolerance}


def _rounding(layer: LayerUnderTest, n_operations: float) -> float:
    return FLOOR_FACTOR * layer.floor(n_operations) if layer.narrow else layer.roundoff(n_operations)


def difference_step(layer: LayerUnderTest) -> float:
    """Return the initial step of a difference quotient: in a narrow dtype what is rounded asks for more."""
    return DIFFERENCE_STEP_IN_NARROW_DTYPES if layer.narrow else DIFFERENCE_STEP


def taylor_rate(layer: LayerUnderTest, problem: Problem, n_steps: int) -> float:
    """Return the order of |J(x + s v) - J(x) - s <g, v>| in s, all groups moved at once (RMS).

    2 if the gradient is the derivative of the layer's own forward map, 1 if it is anything else.  No step
    size has to be chosen: it is the rate that decides.
    """
    cotangents = layer.cotangents(problem)
    directions = {g: random_direction(layer, problem, g, k) for k, g in enumerate(problem.groups)}
    slopes = [_along(run.gradients, directions) for run in layer.gradients(problem, n_steps)]
    y1 = layer.solve(problem, n_steps).y1
    remainders = []
    for s in TAYLOR_DISTANCES:
        change = layer.solve(moved(problem, directions, s), n_steps).y1 - y1
        values = [np.vdot(w, change) - s * slope for w, slope in zip(cotangents, slopes, strict=True)]
        remainders.append(rms(np.array(values)))
    if not all(0 < r < math.inf for r in remainders):
        return math.nan
    tail = slice(-TAYLOR_FITTED, None)
    return float(np.polyfit(np.log(TAYLOR_DISTANCES[tail]), np.log(remainders[tail]), 1)[0])


def separation(layer: LayerUnderTest) -> float:
    """Return the number of bounds by which two classes of gradient differ where they are told apart."""
    return SEPARATION_IN_NARROW_DTYPES if layer.narrow else SEPARATION


def require_separation(
    layer: LayerUnderTest, problem: Problem, n_steps: int, order: int, bound: float
) -> None:
    """Raise `Inconclusive` if a continuous adjoint of this order would be within reach of the bound."""
    close = inseparable(layer, problem, n_steps, order, bound)
    if close:
        message = (
            f"a continuous adjoint of order {order} is too close to the discrete one at {n_steps} steps "
            f"to tell them apart for {', '.join(close)}"
        )
        raise Inconclusive(message)


def inseparable(
    layer: LayerUnderTest, problem: Problem, n_steps: int, order: int, bound: float
) -> tuple[str, ...]:
    """Return the groups for which a continuous adjoint of this order would be within reach of the bound."""
    continuous, discrete = control(layer, order, "continuous"), control(layer, order, "discrete")
    if continuous is None or discrete is None:
        return ()
    pairs = zip(continuous.gradients(problem, n_steps), discrete.gradients(problem, n_steps), strict=True)
    gaps = dict.fromkeys(judged_groups(problem), 0.0)
    for a, b in pairs:
        for group in gaps:
            x, y = a.gradients[group], b.gradients[group]
            if x is not None and y is not None:
                gaps[group] = max(gaps[group], rms(x - y) / rms(y))
    return tuple(group for group, gap in gaps.items() if gap < separation(layer) * bound)


def _along(gradients: Mapping[str, Array | None], directions: Mapping[str, Array]) -> float:
    """Return the derivative along the directions; a gradient that did not arrive counts as zero."""
    pairs = ((gradients[group], direction) for group, direction in directions.items())
    return sum(float(np.vdot(value, direction)) for value, direction in pairs if value is not None)
