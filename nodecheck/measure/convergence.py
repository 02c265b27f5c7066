"""Errors over a refinement ladder, and the order that they show."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from nodecheck.layers import Array, LayerUnderTest, Solve
from nodecheck.measure.noise import gradient_floors, state_floor
from nodecheck.numerics import (
    FLOOR_FACTOR,
    OrderFit,
    fit_order,
    group_errors,
    relative_error,
)
from nodecheck.numerics.constants import (
    COARSE_LADDER,
    COMMON_TOLERANCES,
    MOST_EXTRA_LEVELS,
    SMALLEST_WEIGHT,
)
from nodecheck.options.profile import SMOKE
from nodecheck.problems import Problem, neural
from nodecheck.reference import group_weights, sensitivity
from nodecheck.results import Inconclusive, Measurement, Metric, Series, at_most

_T = TypeVar("_T")


@dataclass(frozen=True)
class Ladder:
    """Errors at every level, relative to their group, and the order fitted to them."""

    n_steps: tuple[int, ...]
    errors: tuple[float, ...]
    fit: OrderFit
    floor: float
    narrow: bool = False  # of a layer in a narrow dtype

    def at_floor(self, name: str) -> Measurement:
        """Return the measurement of an error that vanishes into rounding."""
        return at_most(name, self.errors[-1], FLOOR_FACTOR * self.floor)

    def series(self, plot: str, label: str, problem: Problem, order: float | None) -> Series:
        """Return the curve error against step size."""
        h = tuple(abs(problem.duration) / n for n in self.n_steps)
        return Series(plot, label, h, self.errors, "step h", "relative error", log=True, slope=order)

    def metrics(self, layer: LayerUnderTest, name: str, problem: Problem) -> tuple[Metric, ...]:
        """Return the metrics of a later comparison: the order, and the error on a grid of every profile."""
        level = min(SMOKE.levels, len(self.n_steps)) - 1
        n = self.n_steps[level]
        error = known_error(f"at {n} steps of {name}", self.errors[level], floor_of(layer, problem, n))
        return (error,) if self.fit.exact else (Metric(f"order of {name}", self.fit.slope, "order"), error)


def fit(n_steps: Sequence[int], errors: Sequence[float], floor: float) -> Ladder:
    """Return the ladder of these errors."""
    return Ladder(tuple(n_steps), tuple(errors), fit_order(n_steps, errors, floor), floor)


def fit_of(
    layer: LayerUnderTest,
    problem: Problem,
    n_steps: Sequence[int],
    errors: Sequence[float],
    rounding: float = 0.0,
) -> Ladder:
    """Return the ladder of these errors of a layer, above what it rounds away: at least the given part.

    In a narrow dtype the errors may be at rounding before their orders agree: then there is none to observe.
    """
    found = fit(n_steps, errors, max(floor_of(layer, problem, n_steps[-1]), rounding))
    if not layer.narrow:
        return found
    soon = errors[-1] <= FLOOR_FACTOR * found.floor and not found.fit.asymptotic
    return replace(found, fit=replace(found.fit, exact=found.fit.exact or soon), narrow=True)


def floor_of(layer: LayerUnderTest, problem: Problem, n_steps: int = 1) -> float:
    """Return the error below which nothing is known: the reference's own, or rounding."""
    return max(sensitivity(problem).rtol, layer.floor(n_steps))


def known_error(name: str, error: float, floor: float) -> Metric:
    """Return an error as a metric: no less than the floor, below which it changes with every machine."""
    floor = FLOOR_FACTOR * floor
    return Metric(f"error {name}", error if math.isnan(error) else max(error, floor), "error")


def error_at_tolerance(
    layer: LayerUnderTest, name: str, problem: Problem, tolerances: Sequence[float], errors: Sequence[float]
) -> Metric:
    """Return the error at a tolerance that the sweep of every profile has."""
    k = min(COMMON_TOLERANCES, len(tolerances)) - 1
    return known_error(f"at tol {tolerances[k]:g} of {name}", errors[k], floor_of(layer, problem))


def over_cotangents(group: str, layer: LayerUnderTest, problem: Problem) -> str:
    """Return the name of a gradient with what its RMS is taken over: other cotangents give other numbers."""
    return f"∂L/∂{group} over {enough_cotangents(layer, problem)} cotangents"


def judged_groups(problem: Problem) -> tuple[str, ...]:
    """Return the groups whose gradient is large enough to be judged on this problem."""
    weights = group_weights(problem)
    largest = max(weights.values())
    return tuple(name for name, weight in weights.items() if weight >= SMALLEST_WEIGHT * largest)


@dataclass(frozen=True)
class Loss:
    """A loss on some of the outputs.

    Attributes
    ----------
    name
        "L", or a name for the outputs that are in it.
    cotangent
        The cotangent of these outputs alone, of one of all.
    groups
        The groups whose gradient is large enough to be judged on a problem.
    """

    name: str
    cotangent: Callable[[Array], Array]
    groups: Callable[[Problem], tuple[str, ...]]


OF_ALL = Loss("L", lambda cotangent: cotangent, judged_groups)


def forward_ladder(layer: LayerUnderTest, problem: Problem, extra: int = 0) -> Ladder:
    """Return the errors of y1 over the refinement ladder, with `extra` levels at its fine end."""
    require_refinable(layer, problem)
    return _forward_ladder(layer, problem, layer.levels(problem, extra))


def _forward_ladder(layer: LayerUnderTest, problem: Problem, levels: Sequence[int]) -> Ladder:
    exact = sensitivity(problem).y1
    errors = [relative_error(layer.solve(problem, n).y1, exact) for n in levels]
    return fit_of(layer, problem, levels, errors, state_floor(layer, problem, levels[-1]))


def gradient_ladders(
    layer: LayerUnderTest,
    problem: Problem,
    extra: int = 0,
    loss: Loss = OF_ALL,
    *,
    every_cotangent: bool = False,
) -> dict[str, Ladder]:
    """Return the errors of the gradient of every group that can be judged, over the ladder.

    They are over as many cotangents as it takes or, as those of a diagnosis, over all.
    """
    require_refinable(layer, problem)
    levels = layer.levels(problem, extra)
    count = len(layer.cotangents(problem)) if every_cotangent else enough_cotangents(layer, problem)
    by_level = [gradient_errors(layer, problem, n, loss, count) for n in levels]
    floors = gradient_floors(layer, problem, levels[-1])
    return {
        group: fit_of(layer, problem, levels, [errors[group] for errors in by_level], floors[group])
        for group in loss.groups(problem)
    }


def gradient_errors(
    layer: LayerUnderTest,
    problem: Problem,
    resolution: float,
    loss: Loss = OF_ALL,
    count: int | None = None,
) -> dict[str, float]:
    """Return the error of each group of the gradient, in RMS over cotangents: `count`, or a few."""
    count = enough_cotangents(layer, problem) if count is None else count
    cotangents = [loss.cotangent(c) for c in layer.cotangents(problem, count)]
    found = layer.pullbacks(Solve(problem, resolution), cotangents)
    reference = sensitivity(problem)
    return group_errors([run.gradients for run in found], [reference.pullback(c) for c in cotangents])


def settled(build: Callable[[int], _T], unsettled: Callable[[_T], bool]) -> _T:
    """Return the result of `build` with as few extra levels as settle it, two at most."""
    result = build(0)
    for extra in range(1, MOST_EXTRA_LEVELS + 1):
        if not unsettled(result):
            break
        result = build(extra)
    return result


def enough_cotangents(layer: LayerUnderTest, problem: Problem) -> int:
    """Return the number of cotangents that gives every group an RMS over as many numbers as the profile asks.

    An RMS over several numbers does not cross zero as one number does, whether they are the components of
    one gradient or one component for several cotangents.  Each cotangent costs a forward and a backward pass.
    """
    smallest = min(problem.groups[name].size for name in judged_groups(problem))
    return max(2, math.ceil(layer.profile.cotangents / smallest))


def exact_gradients(
    layer: LayerUnderTest, problem: Problem, count: int | None = None
) -> list[dict[str, Array]]:
    """Return the reference gradients for the cotangents of the layer."""
    reference = sensitivity(problem)
    return [reference.pullback(cotangent) for cotangent in layer.cotangents(problem, count)]


def require_refinable(layer: LayerUnderTest, problem: Problem) -> None:
    """Raise `Inconclusive` if asking for more steps changes nothing."""
    n, m = layer.ladder(2)
    coarse, fine = layer.solve(problem, n), layer.solve(problem, m)
    if coarse.evaluations == fine.evaluations and np.array_equal(coarse.y1, fine.y1):
        message = (
            f"the resolution cannot be changed: n_steps={n} and n_steps={m} both cost "
            f"{coarse.evaluations} evaluations and return the same state"
        )
        raise Inconclusive(message)


def order_of(layer: LayerUnderTest) -> int:
    """Return the claimed order, or the one measured on the network in the asymptotic window above the floor.

    A ladder whose last orders still change is refined: they may fall to a lower order, or to a floor of the
    layer's own, above which the order is another one.  What has not settled then is rounded down.

    Raises
    ------
    Inconclusive
        If no order is claimed and the ladder shows none.
    """
    if layer.claims.order is not None:
        return layer.claims.order
    return layer.once("measured order", lambda: _measured_order(layer))


def _measured_order(layer: LayerUnderTest) -> int:
    fitted = settled(
        lambda extra: forward_ladder(layer, layer.counterpart(neural), extra),
        lambda ladder: ladder.fit.settling,
    ).fit
    if fitted.exact:
        fitted = _forward_ladder(layer, layer.counterpart(neural), COARSE_LADDER).fit
    order = fitted.before_the_floor if fitted.stalls else _last_order(fitted)
    if math.isnan(order):
        orders = ", ".join(f"{s:z.2f}" for s in fitted.pairwise) or "none"
        message = f"no order is claimed and none can be measured: successive orders {orders}"
        raise Inconclusive(message)
    return max(1, round(order))


def _last_order(fitted: OrderFit) -> float:
    """Return the order of the last levels, rounded down where they do not agree on one; NaN if too few."""
    if len(fitted.pairwise) < 2:
        return math.nan
    return fitted.slope if fitted.asymptotic else math.floor(min(fitted.pairwise[-2:]))
