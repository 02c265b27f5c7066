"""A field that is switched on all of a sudden."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace

from nodecheck.numerics.constants import SWITCH_DURATION, SWITCH_TIME
from nodecheck.problems.linear import constant, is_drift, is_power
from nodecheck.problems.problem import Array, Problem


def _field(t: Array, y: Array, /, *, c: Array) -> Array:
    xp = array_namespace(y)
    return c * (0.5 + 0.5 * xp.tanh((t - SWITCH_TIME) / (2 * SWITCH_DURATION))) + 0.0 * y


def _flow(t0: float, t: float, y0: Array, /, *, c: Array) -> Array:
    later, earlier = (np.logaddexp(0.0, (s - SWITCH_TIME) / SWITCH_DURATION) for s in (t, t0))
    return y0 + c * SWITCH_DURATION * (later - earlier)


switch = constant.replace(
    name="switch",
    vector_field=_field,
    exact_flow=_flow,
    reveals="steps that are accepted whatever their error, smallest steps, estimates blind to time",
    blind_to="everything about the state: the Jacobian is zero",
    cite="closed form: the integral of a logistic function",
)


def is_quadrature(problem: Problem) -> bool:
    """Return True if the field of a problem of the suite depends on time alone."""
    return problem.vector_field is _field or is_power(problem) or is_drift(problem)
