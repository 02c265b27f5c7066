"""Problems that are constant or linear in the state: for identities and for orders."""

from __future__ import annotations

import functools

import numpy as np
from array_api_compat import array_namespace

from nodecheck.problems.problem import Array, Problem

# The end times are neither binary fractions nor 0 or 1.  A layer that rounds its grid, assumes that time
# starts at zero, or lacks a factor T = 1.4 is then visibly wrong.
T0, T1 = 0.3, 1.7
_THREE_BY_TWO = np.array([[0.25, -0.5], [1.0, 0.75], [-1.25, 0.5]])


def apply(matrix: Array, y: Array) -> Array:
    """Return matrix @ y for y of shape (..., d) and a matrix of shape (..., m, d).

    It is a product and a sum, because the ``matmul`` of torch refuses a real matrix and a complex vector.
    """
    return array_namespace(y).sum(matrix * y[..., None, :], axis=-1)


def _power_field(exponent: int, t: Array, y: Array, /, *, c: Array) -> Array:
    # 0 y gives the result the shape of y, and keeps y in the autograd graph as in a network.
    return c * t**exponent + 0.0 * y


def _power_flow(exponent: int, t0: float, t: Array, y0: Array, /, *, c: Array) -> Array:
    k = exponent + 1
    return y0 + c * ((t**k - t0**k) / k)


@functools.lru_cache
def power(exponent: int) -> Problem:
    """Return y' = c t^k; a Runge-Kutta method is exact for it if its quadrature is of degree k or more.

    Raises
    ------
    ValueError
        If the exponent is negative.
    """
    if exponent < 0:
        msg = f"exponent must be 0 or more, got {exponent!r}; choose the power of t"
        raise ValueError(msg)
    return Problem(
        name=f"power_{exponent}",
        vector_field=functools.partial(_power_field, exponent),
        exact_flow=functools.partial(_power_flow, exponent),
        y0=_THREE_BY_TWO,
        t0=T0,
        t1=T1,
        params={"c": np.array([1.0, -0.75])},
        reveals="stage times (nodes), weights, the time at which the field is evaluated in both passes",
        blind_to="everything about the state: the Jacobian is zero and the adjoint is constant",
        cite="Hairer & Wanner (1996), sec. IV.5: condition B(p), sum b_i c_i^k = 1/(k+1) for k < p",
    )


def is_power(problem: Problem) -> bool:
    """Return True for y' = c t^k: the field is one of time alone."""
    field = problem.vector_field
    return isinstance(field, functools.partial) and field.func is _power_field


constant = power(0).replace(
    name="constant",
    reveals="an extra, missing or shortened step: every consistent one-step method is exact",
    blind_to="stage times, Jacobian, order: nothing depends on time or state",
    cite="Hairer, Nørsett & Wanner (1993), sec. II.1: consistency, the sum of the weights is 1",
)


def _drift_field(_t: Array, y: Array, /, *, c: Array) -> Array:
    return c + 0.0 * y


# The same equation once more, for layers of second order: the positions of a motion without force.
drift = constant.replace(
    name="drift",
    vector_field=_drift_field,
    exact_flow=functools.partial(_power_flow, 0),
    reveals="an extra, missing or shortened drift: without force every method is exact",
)


def is_drift(problem: Problem) -> bool:
    """Return True if positions solve a problem, whose field is the velocity."""
    return problem.vector_field is _drift_field


def _affine(t: Array, y: Array, /, *, A: Array, b: Array) -> Array:
    return apply(A, y) + b + 0.0 * t  # t stays in the graph although f does not depend on it


linear = Problem(
    name="linear",
    vector_field=_affine,
    y0=np.array(
        [[0.5, -1.0, 0.25], [1.0, 0.5, -0.75], [-0.25, 1.25, 0.5], [0.75, 0.25, 1.0], [-1.0, 0.5, 0.5]]
    ),
    t0=T0,
    t1=T1,
    params={
        "A": np.array([[-0.5, 1.0, 0.25], [-0.25, -0.75, 1.0], [0.5, -0.5, 0.25]]),
        "b": np.array([0.5, -0.25, 0.125]),
    },
    reveals="a transposed Jacobian (A is neither symmetric nor normal), sums over the batch, order",
    blind_to="time (autonomous) and where the Jacobian is evaluated (it is the same everywhere)",
    cite="gradient: Al-Mohy & Higham (2009), Fréchet derivative of the matrix exponential",
)
