"""Classical nonlinear problems: the Jacobian changes along the trajectory, as in a network."""

from __future__ import annotations

import functools

import numpy as np
from array_api_compat import array_namespace

from nodecheck.problems.linear import T0, T1, apply
from nodecheck.problems.problem import Array, Problem

_POSITIVE = np.array([[0.25, 0.5], [1.25, 0.75], [0.5, 1.5]])
_SIGNED = np.array([[1.0, 0.25], [-0.5, 1.0], [0.75, -0.75]])


def _logistic_field(t: Array, y: Array, /, *, r: Array, K: Array) -> Array:
    return r * y * (1.0 - y / K) + 0.0 * t


def _logistic_flow(t0: float, t: Array, y0: Array, /, *, r: Array, K: Array) -> Array:
    growth = array_namespace(y0).exp(r * (t - t0))
    return K * y0 * growth / (K + y0 * (growth - 1.0))


logistic = Problem(
    name="logistic",
    vector_field=_logistic_field,
    exact_flow=_logistic_flow,
    y0=_POSITIVE,
    t0=T0,
    t1=T1,
    params={"r": np.array([1.0, 0.75]), "K": np.array([2.0, 1.25])},
    reveals="a Jacobian evaluated at the wrong state (it changes sign at K/2), order, parameter integrals",
    blind_to="transposition and mixing of components (the Jacobian is diagonal); time",
    cite="Verhulst (1838)",
)


def _cubic_field(t: Array, y: Array, /, *, k: Array) -> Array:
    return -_column(k) * y**3 + 0.0 * t


def _cubic_flow(t0: float, t: Array, y0: Array, /, *, k: Array) -> Array:
    return y0 / array_namespace(y0).sqrt(1.0 + 2.0 * _column(k) * (t - t0) * y0**2)


def _column(scalar: Array) -> Array:
    """Return a scalar with an axis for the components, so that its leading axes line up with those of y."""
    return scalar[..., None]


@functools.lru_cache
def cubic(k: float) -> Problem:
    """Return y' = -k y^3: contractive forwards in time, and therefore expansive backwards."""
    return Problem(
        name=f"cubic_{k:g}",
        vector_field=_cubic_field,
        exact_flow=_cubic_flow,
        y0=np.array([[0.5, -0.75], [1.0, 0.25], [-0.625, 0.875]]),
        t0=T0,
        t1=T1,
        params={"k": np.array(k)},
        reveals="instability of a state that is reconstructed backward in time",
        blind_to="transposition (the Jacobian is diagonal); time; order (RK4 is not asymptotic at 64 steps)",
        cite="closed form by separation: y = y0 / sqrt(1 + 2 k (t - t0) y0^2)",
    )


def _lotka_volterra_field(
    t: Array, y: Array, /, *, alpha: Array, beta: Array, gamma: Array, delta: Array
) -> Array:
    prey, predator = y[..., 0], y[..., 1]
    d_prey = prey * (alpha - beta * predator) + 0.0 * t
    return array_namespace(y).stack([d_prey, predator * (delta * prey - gamma)], axis=-1)


lotka_volterra = Problem(
    name="lotka_volterra",
    vector_field=_lotka_volterra_field,
    y0=_POSITIVE,
    t0=T0,
    t1=T1,
    params={
        "alpha": np.array(1.25),
        "beta": np.array(1.0),
        "gamma": np.array(0.75),
        "delta": np.array(0.5),
    },
    reveals="transposition, a Jacobian at the wrong state, scalar (0-d) parameters, order",
    blind_to="time (autonomous)",
    cite="Lotka (1925); Volterra (1926)",
)


def _van_der_pol_field(t: Array, y: Array, /, *, mu: Array) -> Array:
    position, velocity = y[..., 0], y[..., 1]
    acceleration = mu * (1.0 - position**2) * velocity - position
    return array_namespace(y).stack([velocity + 0.0 * t, acceleration], axis=-1)


@functools.lru_cache
def van_der_pol(mu: float) -> Problem:
    """Return y'' = mu (1 - y^2) y' - y; for mu >= 20 it counts as stiff and starts on the slow branch."""
    stiff = mu >= 20.0  # |J| T reaches 3 mu T = 84: explicit Euler is unstable with 40 steps or fewer
    return Problem(
        name=f"van_der_pol_{mu:g}",
        vector_field=_van_der_pol_field,
        y0=np.array([[2.0, 0.0], [1.75, 0.25], [-2.0, 0.5]]) if stiff else _SIGNED,
        t0=T0,
        t1=T1,
        params={"mu": np.array(mu)},
        second_order=True,
        reveals="unstable step sizes and rejected steps" if stiff else "transposition, wrong state, order",
        blind_to="order (the transient is not resolved); time" if stiff else "time (autonomous)",
        stiff=stiff,
        cite="van der Pol (1926); Hairer & Wanner (1996), sec. IV.1",
    )


def _spiral_field(t: Array, y: Array, /, *, A: Array) -> Array:
    return apply(A, y**3) + 0.0 * t


spiral = Problem(
    name="spiral",
    vector_field=_spiral_field,
    y0=_SIGNED,
    t0=T0,
    t1=T1,
    params={"A": np.array([[-0.125, -1.5], [1.5, -0.125]])},
    reveals="transposition and a wrong state at once: the Jacobian is 3 A diag(y^2); order",
    blind_to="time (autonomous)",
    in_pictures=True,
    cite="Chen et al. (2018); torchdiffeq, examples/ode_demo.py, slower and with short numbers",
)
