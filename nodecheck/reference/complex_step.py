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

from nodecheck.problems import Float64, Problem

Complex128 = npt.NDArray[np.complex128]

STEP = 2.0**-100  # h^2 is far below eps, nothing underflows, and division by a power of two is exact


@functools.lru_cache(maxsize=256)
def perturbed(problem: Problem) -> tuple[Complex128, dict[str, Complex128]]:
    """Return the imaginary steps of the state, (K, 1, d), and the stepped parameters, each (K, 1, *shape)."""
    size = problem.y0.shape[1]
    count = size + sum(value.size for value in problem.params.values())
    state: Complex128 = np.asarray(1j * STEP * np.eye(count, size)[:, None, :], dtype=np.complex128)
    params = {}
    for name, rows in parameter_rows(problem).items():
        value = problem.params[name]
        steps = np.zeros((count, value.size))
        steps[rows] = np.eye(value.size)
        params[name] = (value + (1j * STEP) * steps.reshape(count, *value.shape))[:, None]
    return state, params


def parameter_rows(problem: Problem) -> dict[str, slice]:
    """Return which of the K directions belong to each parameter."""
    rows, start = {}, problem.y0.shape[1]
    for name, value in problem.params.items():
        rows[name] = slice(start, start + value.size)
        start += value.size
    return rows


def field_tangents(problem: Problem, t: float, y: Float64) -> tuple[Float64, Float64]:
    """Return f(t, y), shape (B, d), and its derivative in each direction, shape (K, B, d)."""
    state, params = perturbed(problem)
    value = problem.vector_field(np.asarray(t), y + state, **params)
    return value[0].real, value.imag / STEP


def by_group(problem: Problem, tangents: Float64) -> dict[str, Float64]:
    """Turn tangents (K, B, d) into Jacobians: "y0" of shape (B, d, d), each parameter (B, d, *shape)."""
    size = problem.y0.shape[1]
    last = np.moveaxis(tangents, 0, -1)  # (B, d, K): the output's indices first, as in torch.func.jacrev
    groups = {"y0": last[..., :size]}
    for name, rows in parameter_rows(problem).items():
        groups[name] = last[..., rows].reshape(*last.shape[:2], *problem.params[name].shape)
    return groups


def jacobians(problem: Problem, t: float, y: Float64) -> tuple[Float64, Mapping[str, Float64], Float64]:
    """Return the partial derivatives of the vector field at one time, for a batch of states.

    Parameters
    ----------
    problem
        Whose field, at the problem's own parameters.
    t
        Time, real.
    y
        States, shape (B, d), any B.

    Returns
    -------
    J
        df_i/dy_j, shape (B, d, d).
    J_params
        df_i/dp for each parameter, shape (B, d, *p.shape).
    df_dt
        Shape (B, d).
    """
    groups = by_group(problem, field_tangents(problem, t, y)[1])
    return groups.pop("y0"), groups, time_derivative(problem, t, y)


def time_derivative(problem: Problem, t: float, y: Float64) -> Float64:
    """Return df/dt at fixed y, shape (B, d)."""
    value: Any = problem.vector_field(np.asarray(t + 1j * STEP), y.astype(np.complex128), **problem.params)
    return np.asarray(value.imag / STEP, dtype=np.float64)
