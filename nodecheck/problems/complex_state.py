"""Complex problems, and the same equations over real and imaginary parts.

A problem of d complex components is a real one of 2d: the real parts, then the imaginary ones.  So a solver
of real problems has the answer with which its answer for complex numbers is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from array_api_compat import array_namespace

from nodecheck.problems.linear import T0, T1, apply
from nodecheck.problems.problem import Array, Problem

# Parameters that are complex; in the real problem their last axis holds the real and the imaginary part.
COMPLEX_PARAMETERS = frozenset({"A", "b", "c"})
_COMPONENTS = 2


def _complex_field(t: Array, z: Array, /, *, A: Array, b: Array, c: Array) -> Array:
    """Return A z + t b - c |z|² z of a complex state z of shape (..., d).

    It is not holomorphic: a derivative by the rules of holomorphic functions is wrong.
    """
    return apply(A, z) + t * b - c * (z * z.conj()) * z


def _complex_field_real_force(t: Array, z: Array, /, *, A: Array, c: Array, r: Array) -> Array:
    """Return A z + t r - c |z|² z, where r alone is real."""
    return _complex_field(t, z, A=A, b=r, c=c)


def _field(t: Array, y: Array, /, *, A: Array, b: Array, c: Array) -> Array:
    """Return the real and then the imaginary parts of the complex field."""
    u, v = y[..., :_COMPONENTS], y[..., _COMPONENTS:]
    re, im = A[..., 0], A[..., 1]
    size = u * u + v * v
    c_re, c_im = c[..., 0][..., None], c[..., 1][..., None]
    real = apply(re, u) - apply(im, v) + t * b[..., 0] - size * (c_re * u - c_im * v)
    imaginary = apply(re, v) + apply(im, u) + t * b[..., 1] - size * (c_re * v + c_im * u)
    return array_namespace(y).concat([real, imaginary], axis=-1)


def _field_real_force(t: Array, y: Array, /, *, A: Array, c: Array, r: Array) -> Array:
    return _field(t, y, A=A, b=array_namespace(y).stack([r, 0.0 * r], axis=-1), c=c)


complex_pairs = Problem(
    name="complex_pairs",
    vector_field=_field,
    y0=np.array([[0.5, -0.75, 0.25, 1.0], [-1.0, 0.25, 0.5, 0.75], [0.75, 0.5, -0.25, -1.0]]),
    t0=T0,
    t1=(T0 + T1) / 2,  # of few steps none is too long, for a state that is reconstructed backwards neither
    params={  # a real part of c would make the state explode backwards in time
        "A": np.array([[[-0.25, 1.0], [0.5, -0.75]], [[-0.5, 0.25], [0.25, -1.25]]]),
        "b": np.array([[0.5, -0.5], [-0.25, 0.75]]),
        "c": np.array([0.0, 0.5]),
    },
    reveals="a conjugate that is forgotten, an imaginary part that is dropped: A is not normal",
    blind_to="everything about real numbers",
    cite="Kuramoto (1984): the Stuart-Landau equation, z' = a z - c |z|² z, here coupled and forced",
)
complex_real_force = complex_pairs.replace(
    name="complex_real_force",
    vector_field=_field_real_force,
    params={"A": complex_pairs.params["A"], "c": complex_pairs.params["c"], "r": np.array([0.5, -0.25])},
    reveals="the gradient of a real parameter of a complex field: it is real",
)
# By name: in a narrower dtype the numbers of a problem are others.
_COMPLEX_FORMS: Mapping[str, Callable[..., Array]] = {
    complex_pairs.name: _complex_field,
    complex_real_force.name: _complex_field_real_force,
}


def complex_field(problem: Problem) -> Callable[..., Array]:
    """Return the field of a problem over complex numbers.

    Raises
    ------
    ValueError
        If the problem has none.
    """
    if problem.name not in _COMPLEX_FORMS:
        names = ", ".join(_COMPLEX_FORMS)
        message = f"expected a problem with a complex form ({names}), got {problem.name}; add its form here"
        raise ValueError(message)
    return _COMPLEX_FORMS[problem.name]


def complex_params(problem: Problem) -> dict[str, Array]:
    """Return the parameters of the complex field."""
    return {
        name: value[..., 0] + 1j * value[..., 1] if name in COMPLEX_PARAMETERS else value
        for name, value in problem.params.items()
    }


def as_complex(values: Array) -> Array:
    """Return states or cotangents of shape (..., 2d) as complex ones of shape (..., d)."""
    half = values.shape[-1] // 2
    return values[..., :half] + 1j * values[..., half:]


def as_pairs(values: Array) -> Array:
    """Return complex states of shape (..., d), or their gradients, as real ones of shape (..., 2d)."""
    return np.concatenate([values.real, values.imag], axis=-1)


def is_complex(group: str) -> bool:
    """Return True if a group of the real problem is complex in the complex one."""
    return group == "y0" or group in COMPLEX_PARAMETERS


def imaginary(values: Array) -> Array:
    """Return the imaginary parts of a state or of a complex parameter of the real problem: the later half."""
    return values[..., values.shape[-1] // 2 :]
