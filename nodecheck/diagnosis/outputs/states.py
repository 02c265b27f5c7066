"""Causes of states at output times that are wrong, or too inaccurate."""

from __future__ import annotations

import numpy as np

from nodecheck.layers import Array, LayerUnderTest, Refusal, attempt
from nodecheck.measure.convergence import forward_ladder, order_of
from nodecheck.numerics import ORDER_MARGIN, relative_error
from nodecheck.numerics.constants import SEPARATE_SHARES
from nodecheck.problems import Problem
from nodecheck.reference import sensitivity


def explain_states(layer: LayerUnderTest, problem: Problem) -> str:
    """Return which output times are the worst, and the interpolation if one is recognised."""
    resolution = layer.tolerances()[-1] if layer.adaptive else layer.ladder()[-1]
    exact, ys = sensitivity(problem).y1, layer.solve(problem, resolution).y1
    errors = [relative_error(y, e) for y, e in zip(ys, exact, strict=True)]
    worst = int(np.argmax(errors))
    name = layer.claims.resolution
    text = (
        f"At {name} = {resolution:g} the state at ts[{worst}] = {problem.ts[worst]:.4g} is off by "
        f"{errors[worst]:.2g}, that at t1 by {errors[-1]:.2g}."
    )
    if layer.adaptive:
        return text
    return f"{text} {_interpolation(layer, problem) or _between_even(layer, problem)}".strip()


def _between_even(layer: LayerUnderTest, problem: Problem) -> str:
    """Return the cause of an order that is right only for output times at which equal steps end.

    Then all steps are equal and each output is the end of one, so that neither unequal steps nor an
    interpolation can be wrong.  Which of them it is, the number of evaluations tells: a layer that ends a
    step at every output takes more.
    """
    even = problem.at_shares(*SEPARATE_SHARES, name=f"{problem.name}_evenly")
    found = attempt(lambda: forward_ladder(layer, even).fit.slope)
    order = order_of(layer)
    if isinstance(found, Refusal) or not found >= order - ORDER_MARGIN:
        return ""
    alone, among = (layer.solve(p, layer.few_steps).evaluations for p in (problem.replace(ts=()), problem))
    seen = f"For output times that divide the interval evenly, the order is {found:.2f}:"
    if alone == among:
        return f"{seen} the interpolation between steps is of lower order than the method."
    return (
        f"{seen} steps of unequal length are taken for equal ones, or the last one before an output is wrong."
    )


def _interpolation(layer: LayerUnderTest, problem: Problem) -> str:
    """Return that states between steps lie on straight lines between the states at their ends, if they do."""
    n = layer.few_steps
    ends = problem.at_shares(*(k / n for k in range(1, n)), name=f"{problem.name}_at_steps")
    found = attempt(lambda: layer.solve(ends, n).y1)
    ys = layer.solve(problem, n).y1
    if isinstance(found, Refusal):
        return ""
    places = (np.array(problem.ts) - problem.t0) / problem.duration * n
    straight = np.stack([_between(found, place) for place in places])
    if not relative_error(ys, straight) <= layer.roundoff(n * problem.y0.size):
        return ""
    return (
        "States between two steps lie on the straight line between the states at their ends, which costs all "
        "orders above two. End a step at each output time, or interpolate with the slopes at both ends "
        "(Hermite)."
    )


def _between(states: Array, place: float) -> Array:
    """Return the state on the straight line between two steps; `place` counts steps from t0."""
    k = min(int(place), len(states) - 2)
    part: Array = (1 - (place - k)) * states[k] + (place - k) * states[k + 1]
    return part
