"""Limits of the state, of the field or of a step: small states are right, and larger ones are not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nodecheck.layers import LayerUnderTest, Refusal, attempt
from nodecheck.numerics.constants import (
    IDENTITY_TOLERANCE,
    LIMIT_EXPONENTS,
    LIMIT_GROWTH,
    LIMIT_SHARE,
    MINIMUM_LEVELS,
    USUAL_STEPS,
)
from nodecheck.problems import Problem, linear


@dataclass(frozen=True)
class _Bend:
    """Where y1, as a function of y0 > 0 or y0 < 0, changes from one straight line to another.

    Attributes
    ----------
    at
        The y0 of the bend, signed; infinite if there is none.
    lost
        The slope before the bend, less that after it.
    """

    at: float
    lost: float = 0.0


def explain_limits_of_state(layer: LayerUnderTest) -> str:
    """Return what a layer limits, and to which range, as a sentence; "" if it limits nothing.

    Every method solves y' = r y in proportion to y0.  Where something is limited, y1 is a straight line up to
    the bound, and another one from there on; the two cross at the bound.  Over a time so short that the state
    hardly changes this is the bound of the state itself.  That of the field's value is reached at half the y0
    if r is twice as large, and that of a step's increment at twice the y0 if there are twice as many steps.
    """
    found = attempt(lambda: _explain(layer))
    return "" if isinstance(found, Refusal) else found


def _explain(layer: LayerUnderTest) -> str:
    ends = [_bend(layer, sign) for sign in (-1.0, 1.0)]
    limited = [end for end in ends if math.isfinite(end.at)]
    if not limited or (len(limited) == len(ends) and not any(end.at for end in ends)):
        return ""
    largest = max(limited, key=lambda end: abs(end.at))
    what, unit = _what(layer, largest)
    if not what:
        return ""
    low, high = (unit * end.at + 0.0 for end in ends)
    if not math.isfinite(low):
        limits = f"{high:.3g} at most"
    elif not math.isfinite(high):
        limits = f"{low:.3g} at least"
    else:
        limits = f"[{low:.3g}, {high:.3g}]"
    low, high = (end.at + 0.0 for end in ends)
    seen = f"y' = y is solved in proportion to y0 within [{low:.2g}, {high:.2g}], and not beyond"
    return f"{what} is limited to {limits}: {seen}."


def _what(layer: LayerUnderTest, bend: _Bend) -> tuple[str, float]:
    """Return what is limited, and its value where y0 is one; "" if it is none of the known."""
    # The state grows on its way, and reaches the bound a little later.
    sign, twice, late = math.copysign(1.0, bend.at), 2.0, 1.0 + LIMIT_GROWTH / 2
    share = bend.lost / LIMIT_GROWTH
    if share > 1.0 / LIMIT_SHARE:
        return "The state", 1.0 + LIMIT_GROWTH
    if not bend.at:
        return "The state at the stages, or the value of the field,", 1.0
    faster = _bend(layer, sign, rate=twice).at / bend.at
    if _alike(faster, 1.0):
        whole = _alike(share, 1.0)
        return "The state at the stages" if whole else f"The state at stages of weight {share:.2g}", late
    if not _alike(faster * twice, 1.0):
        return "", 1.0
    if not layer.adaptive and _alike(_bend(layer, sign, n_steps=2 * USUAL_STEPS).at / bend.at, twice):
        return "What a step adds to the state", late * LIMIT_GROWTH / USUAL_STEPS
    return "The value of the field", late


def _alike(ratio: float, expected: float) -> bool:
    return abs(ratio - expected) <= LIMIT_SHARE * expected


def _bend(layer: LayerUnderTest, sign: float, *, rate: float = 1.0, n_steps: int = USUAL_STEPS) -> _Bend:
    """Return where y1 bends on one side of zero, if it is two straight lines there."""
    smallest, *_ = sizes = [2.0**k for k in LIMIT_EXPONENTS]

    def y1(y0: float) -> float:
        problem = _growth(y0, rate)
        resolution = IDENTITY_TOLERANCE if layer.adaptive else n_steps
        return float(layer.solve(problem, resolution).y1[0, 0])

    slope = max(y1(side * smallest) / (side * smallest) for side in (-1.0, 1.0))
    margin = LIMIT_SHARE * rate * LIMIT_GROWTH
    size = next((s for s in sizes if not abs(y1(sign * s) / (sign * s) - slope) <= margin), None)
    if size is None:
        return _Bend(sign * math.inf)
    beyond = [sign * size * 2.0**k for k in range(1, MINIMUM_LEVELS + 1)]
    values = [y1(each) for each in beyond]
    first, second = np.diff(values) / np.diff(beyond)
    lost = slope - first
    at = (values[0] - first * beyond[0]) / lost
    straight = abs(second - first) <= margin and lost > margin
    largest, least = size * (1 + LIMIT_SHARE), 0.0 if size == smallest else size / 2 * (1 - LIMIT_SHARE)
    if not straight or not least <= sign * at <= largest:
        return _Bend(sign * math.inf)
    return _Bend(float(at), float(lost))


def _growth(y0: float, rate: float) -> Problem:
    """Return y' = rate y for one number, and for others that are zero, over a short time."""
    state = np.zeros_like(linear.y0[:2, :2])
    state[0, 0] = y0
    matrix = rate * np.eye(state.shape[1])
    params = {"A": matrix, "b": np.zeros(state.shape[1])}
    growth = linear.replace(name="growth", y0=state, params=params, exact_flow=None)
    return growth.with_interval(linear.t0, linear.t0 + LIMIT_GROWTH)
