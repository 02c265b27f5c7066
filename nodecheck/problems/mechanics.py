"""Problems of second order, q'' = a(t, q, v) with v = q': the state y = (q, v) is joined on the last axis.

As problems of first order they are y' = (v, a(t, q, v)), so they have references, derivatives and our own
solvers beside them as all others do.  A layer of second order is asked for the same solution and is given
the acceleration alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace

from nodecheck.problems.linear import T0, T1
from nodecheck.problems.problem import Array, Problem

# In these forces velocities count less than positions: their Jacobians are told apart.
_SHARE_OF_VELOCITY = 0.5


@dataclass(frozen=True)
class OfSecondOrder:
    """The field (v, a(t, q, v)) of (q, v); by value, so that problems compare."""

    acceleration: Callable[..., Array]

    def __call__(self, t: Array, y: Array, /, **params: Array) -> Array:
        """Return the velocities, and beside them the accelerations."""
        half = y.shape[-1] // 2
        q, v = y[..., :half], y[..., half:]
        xp = array_namespace(y)
        parts = xp.broadcast_arrays(v + 0.0 * t, self.acceleration(t, q, v, **params))
        return xp.concat(list(parts), axis=-1)


@dataclass(frozen=True)
class AsForce:
    """A field of first order as a force: a(t, q, v) = f(t, q + share v), or f(t, q) without a share."""

    field: Callable[..., Array]
    share: float

    def __call__(self, t: Array, q: Array, v: Array, /, **params: Array) -> Array:
        """Return the acceleration."""
        return self.field(t, q + self.share * v if self.share else q, **params)


def _none(t: Array, _q: Array, v: Array, /, **params: Array) -> Array:
    return 0.0 * v + 0.0 * t + sum(0.0 * value for value in params.values())


def without_force(problem: Problem) -> Problem:
    """Return the problem q'' = 0 from the same (q0, v0) = y0."""
    return problem.replace(vector_field=OfSecondOrder(_none), second_order=True)


def with_force(problem: Problem, *, separable: bool) -> Problem:
    """Return the problem q'' = f(t, q + v/2), or f(t, q) if separable, from the same (q0, v0) = y0."""
    share = 0.0 if separable else _SHARE_OF_VELOCITY
    return problem.replace(
        vector_field=OfSecondOrder(AsForce(problem.vector_field, share)), second_order=True
    )


def as_force(problem: Problem, *, separable: bool) -> Problem:
    """Return the problem of second order whose force is the field of a problem of first order.

    It has the same parameters, times and members, and twice as many components: q0 is y0, and v0 is half of
    it, so that what is at rest stays so.
    """
    y0 = np.concatenate([problem.y0, problem.y0 / 2], axis=-1)
    return with_force(problem.replace(name=f"{problem.name}_force", y0=y0), separable=separable)


def _harmonic(t: Array, q: Array, _v: Array, /, *, omega: Array) -> Array:
    return -(omega[..., None] ** 2) * q + 0.0 * t


def _harmonic_flow(t0: float, t: Array, y0: Array, /, *, omega: Array) -> Array:
    xp = array_namespace(y0)
    q, v = y0[..., 0], y0[..., 1]
    c, s = xp.cos(omega * (t - t0)), xp.sin(omega * (t - t0))
    return xp.stack([c * q + s * v / omega, c * v - omega * s * q], axis=-1)


harmonic = Problem(
    name="harmonic_oscillator",
    vector_field=OfSecondOrder(_harmonic),
    exact_flow=_harmonic_flow,
    y0=np.array([[1.0, 0.25], [-0.5, 1.0], [0.75, -0.75], [0.25, 0.5], [-1.0, -0.25]]),
    t0=T0,
    t1=T1,
    params={"omega": np.array(1.25)},
    second_order=True,
    reveals="drift of the energy; the sign of the force in the adjoint",
    blind_to="time; where the Jacobian is evaluated (it is the same everywhere)",
    cite="Hairer, Lubich & Wanner (2006), sec. I.5.1: the harmonic oscillator",
)


def _pendulum(t: Array, q: Array, _v: Array, /, *, g: Array) -> Array:
    return -g[..., None] * array_namespace(q).sin(q) + 0.0 * t


pendulum = Problem(
    name="pendulum",
    vector_field=OfSecondOrder(_pendulum),
    y0=np.array([[1.0, 0.25], [-0.5, 1.0], [0.75, -0.75], [0.25, 0.5], [-1.0, -0.25]]),
    t0=T0,
    t1=T1,
    params={"g": np.array(1.25)},
    second_order=True,
    reveals="a method for mechanics: the field is separable, each half of the state changes by the other one",
    blind_to="time; terms by which a half of the state changes itself, which leapfrog does not integrate",
    cite="Hairer, Lubich & Wanner (2006), sec. I.1.2: the pendulum",
)


def _damped_pendulum(t: Array, q: Array, v: Array, /, *, g: Array, friction: Array) -> Array:
    return _pendulum(t, q, v, g=g) - friction[..., None] * v


damped_pendulum = pendulum.replace(
    name="damped_pendulum",
    vector_field=OfSecondOrder(_damped_pendulum),
    params={"g": np.array(1.25), "friction": np.array(0.75)},
    reveals="a velocity at the wrong time or of the wrong stage, ∂a/∂v left out of the adjoint",
    blind_to="time (autonomous)",
    cite="Hairer, Nørsett & Wanner (1993), sec. II.14: Nyström methods for y'' = f(x, y, y')",
)


def _henon_heiles(t: Array, q: Array, _v: Array, /, *, strength: Array) -> Array:
    x, y = q[..., 0], q[..., 1]
    xp = array_namespace(q)
    return xp.stack([-x - 2 * strength * x * y + 0.0 * t, -y - strength * (x**2 - y**2)], axis=-1)


henon_heiles = Problem(
    name="henon_heiles",
    vector_field=OfSecondOrder(_henon_heiles),
    y0=np.array(
        [
            [0.25, 0.5, -0.5, 0.25],
            [-0.5, 0.25, 0.5, 0.5],
            [0.75, -0.25, 0.25, -0.5],
            [0.5, 0.75, -0.25, -0.75],
            [-0.25, -0.5, 0.75, 0.25],
        ]
    ),
    t0=T0,
    t1=T1,
    params={"strength": np.array(1.25)},
    second_order=True,
    reveals="positions that are mixed up with velocities, or with each other; order",
    blind_to="time; velocities in the force; transposition (the force is a gradient)",
    cite="Hénon & Heiles (1964); Hairer, Lubich & Wanner (2006), sec. I.3",
)


def _kepler(t: Array, q: Array, _v: Array, /, *, mass: Array) -> Array:
    xp = array_namespace(q)
    distance = xp.sqrt(xp.sum(q**2, axis=-1))
    return -(mass / distance**3)[..., None] * q + 0.0 * t


kepler = henon_heiles.replace(
    name="kepler",
    vector_field=OfSecondOrder(_kepler),
    y0=np.array(
        [
            [1.5, 0.25, -0.25, 0.75],
            [-1.25, 0.5, -0.5, -0.75],
            [0.25, 1.75, 0.75, 0.25],
            [-0.5, -1.5, 0.75, 0.5],
            [1.25, -1.0, 0.5, 0.75],
        ]
    ),
    params={"mass": np.array(0.75)},
    reveals="order where the force grows and falls along the orbit",
    cite="Hairer, Lubich & Wanner (2006), sec. I.2: the Kepler problem",
)


def _charged(t: Array, q: Array, v: Array, /, *, charge: Array, spring: Array) -> Array:
    xp = array_namespace(q)
    field = charge * (1.0 + q[..., 0] ** 2 - q[..., 1] / 2)
    turned = xp.stack([v[..., 1] + 0.0 * t, -v[..., 0]], axis=-1)
    return field[..., None] * turned - spring[..., None] * q


charged = henon_heiles.replace(
    name="charged_particle",
    vector_field=OfSecondOrder(_charged),
    params={"charge": np.array(1.25), "spring": np.array(0.75)},
    reveals="∂a/∂v transposed or left out: the force is at right angles to the velocity, and uneven in space",
    blind_to="time (autonomous)",
    cite="Hairer, Lubich & Wanner (2006), sec. VII.2: a charged particle in a magnetic field",
)


def _circling(_t: Array, q: Array, _v: Array, /, *, c: Array) -> Array:
    xp = array_namespace(q)
    one = xp.sin(q) ** 2 + xp.cos(q) ** 2
    return -c * one * q


def circling(wide: Problem) -> Problem:
    """Return q'' = -q from the state of a wide problem, with which (q, v) turns as the wide state does."""
    return wide.replace(
        name=f"{wide.name}_force",
        vector_field=OfSecondOrder(_circling),
        params={"c": wide.params["c"][: wide.y0.shape[-1] // 2]},
        second_order=True,
    )
