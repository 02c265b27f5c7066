"""Problems with a rotation: they have closed forms, and their Jacobians are nowhere symmetric."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace

from nodecheck.problems.linear import T0, T1, apply
from nodecheck.problems.problem import Array, Problem


def _turn(angle: Array, y: Array) -> Array:
    """Return y, of shape (..., 2), turned counter-clockwise by an angle of shape (...)."""
    xp = array_namespace(y)
    c, s = xp.cos(angle), xp.sin(angle)
    return xp.stack([c * y[..., 0] - s * y[..., 1], s * y[..., 0] + c * y[..., 1]], axis=-1)


def _rotation_field(t: Array, y: Array, /, *, omega: Array) -> Array:
    xp = array_namespace(y)
    return xp.stack([-omega * y[..., 1] + 0.0 * t, omega * y[..., 0]], axis=-1)


def _rotation_flow(t0: float, t: Array, y0: Array, /, *, omega: Array) -> Array:
    return _turn(omega * (t - t0), y0)


rotation = Problem(
    name="rotation",
    vector_field=_rotation_field,
    exact_flow=_rotation_flow,
    y0=np.array([[1.0, 0.25], [-0.5, 1.0], [0.75, -0.75], [0.25, 0.5], [-1.0, -0.25]]),
    t0=T0,
    t1=T1,
    params={"omega": np.array(1.25)},
    reveals="sign and transposition of the Jacobian (the transpose turns the other way), drift of the norm",
    blind_to="time; mistakes that commute with a normal Jacobian; where the Jacobian is evaluated",
    cite="harmonic oscillator; closed form y(t) = R(omega (t - t0)) y0",
)


def _turning_field(t: Array, y: Array, /, *, A: Array, omega: Array) -> Array:
    angle = omega * t
    return _turn(angle, apply(A, _turn(-angle, y)))


def _turning_flow(t0: float, t: Array, y0: Array, /, *, A: Array, omega: Array) -> Array:
    """Return R(wt) exp((A - wS)(t - t0)) R(-wt0) y0, with S the generator of the rotation R.

    In the turning frame z = R(-wt) y the field is constant: z' = M z with M = A - wS.  The exponential of
    a 2 x 2 matrix is elementary; the formula here is for complex eigenvalues s ± iq.
    """
    xp = array_namespace(y0)
    z, elapsed = _turn(-omega * t0, y0), t - t0
    half_trace = (A[..., 0, 0] + A[..., 1, 1]) / 2
    half_difference = (A[..., 0, 0] - A[..., 1, 1]) / 2
    upper, lower = A[..., 0, 1] + omega, A[..., 1, 0] - omega
    q = xp.sqrt(-upper * lower - half_difference**2)
    c, s = xp.cos(q * elapsed), xp.sin(q * elapsed) / q
    growth = xp.exp(half_trace * elapsed)
    first = c * z[..., 0] + s * (half_difference * z[..., 0] + upper * z[..., 1])
    second = c * z[..., 1] + s * (lower * z[..., 0] - half_difference * z[..., 1])
    return _turn(omega * t, xp.stack([growth * first, growth * second], axis=-1))


time_linear = Problem(
    name="time_linear",
    vector_field=_turning_field,
    exact_flow=_turning_flow,
    y0=np.array([[0.5, -1.0], [1.25, 0.25], [-0.75, 0.5]]),
    t0=T0,
    t1=T1,
    params={"A": np.array([[-0.5, 1.5], [-0.25, 0.25]]), "omega": np.array(1.25)},
    reveals="wrong time in the backward pass (shifted, reversed, frozen): the A(t) do not commute",
    blind_to="where in state space the Jacobian is evaluated: the field is linear in y",
    cite="Markus & Yamabe (1960): constant eigenvalues in a turning frame decide nothing about stability",
)
