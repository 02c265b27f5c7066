"""Derivatives of a vector field by complex step: exact to rounding, and all directions in one call.

Of an analytic f, Im f(x + ih) / h differs from f'(x) by O(h^2).  Nothing is subtracted, so h can be so
small that the difference vanishes: Squire & Trapp (1998).

Directions are numbered: 0 to d - 1 are the components of the state, then come the entries of each parameter
in the order of ``problem.params``.  K is their number.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nodecheck.numerics.constants import CACHED_REFERENCES, COMPLEX_STEP
from nodecheck.problems import Float64, OwnField, Problem, group_of

Complex128 = npt.NDArray[np.complex128]


@functools.lru_cache(maxsize=CACHED_REFERENCES)
def perturbed(problem: Problem) -> tuple[Complex128, dict[str, Complex128]]:
    """Return the imaginary steps of the state, (K, 1, d), and the stepped parameters, each (K, 1, *shape)."""
    size = problem.y0.shape[1]
    count = size + sum(value.size for value in problem.params.values())
    state: Complex128 = np.asarray(1j * COMPLEX_STEP * np.eye(count, size)[:, None, :], dtype=np.complex128)
    params = {}
    for name, rows in parameter_rows(problem).items():
        value = problem.params[name]
        steps = np.zeros((count, value.size))
        steps[rows] = np.eye(value.size)
        params[name] = (value + (1j * COMPLEX_STEP) * steps.reshape(count, *value.shape))[:, None]
    return state, params


def parameter_rows(problem: Problem) -> dict[str, slice]:
    """Return the range of the K directions that belongs to each parameter."""
    rows, start = {}, problem.y0.shape[1]
    for name, value in problem.params.items():
        rows[name] = slice(start, start + value.size)
        start += value.size
    return rows


def field_tangents(problem: Problem, t: float, y: Float64) -> tuple[Float64, Float64]:
    """Return f(t, y), shape (B, d), and its derivative in each direction, shape (K, B, d).

    A module of the user's own is differentiated by autograd, in reverse mode.
    """
    if isinstance(problem.vector_field, OwnField):
        return problem.vector_field.tangents(t, y, problem.params)
    state, params = perturbed(problem)
    value = problem.vector_field(np.asarray(t), y + state, **params)
    return value[0].real, value.imag / COMPLEX_STEP


def by_group(problem: Problem, tangents: Float64) -> dict[str, Float64]:
    """Return tangents (K, B, d) as Jacobians: "y0" of shape (B, d, d), each parameter (B, d, *shape)."""
    size = problem.y0.shape[1]
    last = np.moveaxis(tangents, 0, -1)  # (B, d, K): the output's indices first, as in torch.func.jacrev
    groups = {"y0": last[..., :size]}
    for name, rows in parameter_rows(problem).items():
        groups[group_of(name)] = last[..., rows].reshape(*last.shape[:2], *problem.params[name].shape)
    return groups


def jacobians(problem: Problem, t: float, y: Float64) -> tuple[Float64, Mapping[str, Float64], Float64]:
    """Return the partial derivatives of the vector field at one time, for a batch of states.

    Parameters
    ----------
    problem
        The problem with the field, which is evaluated at the problem's own parameters.
    t
        Time, real.
    y
        States, float64, shape (B, d), any B.

    Returns
    -------
    J
        df_i/dy_j, float64, shape (B, d, d).
    J_params
        df_i/dp for each parameter, float64, shape (B, d, *p.shape).
    df_dt
        Partial derivative with respect to t, float64, shape (B, d).

    Notes
    -----
    Complex step: Squire & Trapp (1998).
    """
    groups = by_group(problem, field_tangents(problem, t, y)[1])
    return groups.pop("y0"), groups, time_derivative(problem, t, y)


def time_derivative(problem: Problem, t: float, y: Float64) -> Float64:
    """Return df/dt at fixed y, shape (B, d)."""
    time = np.asarray(t + 1j * COMPLEX_STEP)
    value: Any = problem.vector_field(time, y.astype(np.complex128), **problem.params)
    return np.asarray(value.imag / COMPLEX_STEP, dtype=np.float64)
