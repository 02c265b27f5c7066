"""Independent routes to y1 and its derivatives.

A route takes a problem and returns ``(y1, tangents)``: y1 of shape (B, d) and its derivatives in the K
directions of `complex_step`, shape (K, B, d).  `routes_for` names two that share as little as possible.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nodecheck.numerics.constants import AFFINE_ROUNDINGS, COMPLEX_STEP, EPS, RADAU_RTOL
from nodecheck.problems import Float64, Problem
from nodecheck.reference.complex_step import field_tangents, perturbed, time_derivative
from nodecheck.reference.integration import integrate

Route = Callable[[Problem], tuple[Float64, Float64]]


def routes_for(problem: Problem) -> tuple[Route, Route]:
    """Return two routes, the more accurate one first."""
    candidates: list[Route] = []
    if problem.exact_flow is not None:
        candidates.append(exact_flow)
    if is_affine(problem):
        candidates.append(matrix_exponential)
    candidates += [variational, radau if problem.stiff else complex_step_through_solver]
    return candidates[0], candidates[1]


def exact_flow(problem: Problem) -> tuple[Float64, Float64]:
    """Return y1 and its tangents by complex step through the closed form."""
    state, params = perturbed(problem)
    flow = problem.flow
    assert flow is not None
    value = flow(np.asarray(problem.t1), problem.y0 + state, **params)
    return value[0].real, value.imag / COMPLEX_STEP


def matrix_exponential(problem: Problem) -> tuple[Float64, Float64]:
    """Return y1 and its tangents from the exponential of [[A, b], [0, 0]] and its Fréchet derivatives.

    For y' = A y + b with constant A and b, which may depend on the parameters in any way: Al-Mohy & Higham
    (2009).
    """
    from scipy.linalg import expm, expm_frechet

    (batch, size), elapsed = problem.y0.shape, problem.duration
    augmented = _augmented(problem)
    matrix, slopes = augmented[0].real * elapsed, augmented.imag / COMPLEX_STEP * elapsed
    starts = np.hstack([problem.y0, np.ones((batch, 1))])
    exponential = expm(matrix)
    tangents = np.empty((len(augmented), batch, size))
    tangents[:size] = exponential[:size, :size].T[:, None]
    for k in range(size, len(augmented)):
        derivative = np.asarray(expm_frechet(matrix, slopes[k], compute_expm=False))
        tangents[k] = (starts @ derivative.T)[:, :size]
    return (starts @ exponential.T)[:, :size], tangents


def _augmented(problem: Problem) -> npt.NDArray[np.complex128]:
    """Return [[A, b], [0, 0]] for each direction, parameters stepped along it: (K, d + 1, d + 1)."""
    size, params = problem.y0.shape[1], perturbed(problem)[1]
    probes = np.vstack([np.zeros(size), np.eye(size)])  # f at 0 is b, f at e_j is A e_j + b
    values = problem.vector_field(np.asarray(problem.t0), probes.astype(np.complex128), **params)
    augmented = np.zeros((len(values), size + 1, size + 1), dtype=np.complex128)
    augmented[:, :size, :size] = np.swapaxes(values[:, 1:] - values[:, :1], 1, 2)
    augmented[:, :size, size] = values[:, 0]
    return augmented


def variational(
    problem: Problem, *, method: str = "DOP853", rtol: float | None = None
) -> tuple[Float64, Float64]:
    """Return y1 and its tangents from the variational equations S' = J S + df/dp beside y' = f.

    All of them are under the solver's error control: Hairer, Nørsett & Wanner (1993), sec. I.14.
    """
    batch, size = problem.y0.shape
    count = len(perturbed(problem)[0])

    def rhs(t: float, state: Float64) -> Float64:
        value, tangents = field_tangents(problem, t, state[:, 0])
        tangents = np.swapaxes(tangents, 0, 1)  # (B, K, d); the first d rows are the transposed Jacobian
        slopes = np.empty_like(state)
        slopes[:, 0] = value
        slopes[:, 1:] = state[:, 1:] @ tangents[:, :size]
        slopes[:, 1 + size :] += tangents[:, size:]
        return slopes

    start = np.zeros((batch, 1 + count, size))
    start[:, 0] = problem.y0
    start[:, 1 : 1 + size] = np.eye(size)
    options = {} if rtol is None else {"rtol": rtol, "atol": rtol}
    end = integrate(problem, rhs, start, method=method, **options).y[:, -1].reshape(start.shape)
    return end[:, 0], np.swapaxes(end[:, 1:], 0, 1)


def radau(problem: Problem) -> tuple[Float64, Float64]:
    """Return y1 and its tangents from the variational equations, by an implicit method.

    The equations are real, because SciPy's Radau refuses complex numbers.
    """
    return variational(problem, method="Radau", rtol=RADAU_RTOL)


def complex_step_through_solver(problem: Problem) -> tuple[Float64, Float64]:
    """Return y1 and its tangents by complex step through DOP853 itself, without any Jacobian."""
    state, params = perturbed(problem)

    def rhs(t: float, y: Float64) -> Float64:
        result: Float64 = problem.vector_field(np.asarray(t), y, **params)
        return result

    start = problem.y0 + state
    end = integrate(problem, rhs, start).y[:, -1].reshape(start.shape)
    return end[0].real, end.imag / COMPLEX_STEP


def is_affine(problem: Problem) -> bool:
    """Return True if f(t, y) = A y + b with constant A and b, by Jacobians at two times and 2 B states."""
    states = np.vstack([problem.y0, 0.5 - 2.0 * problem.y0])  # any others, not in proportion to the first
    size = states.shape[1]
    early, late = (field_tangents(problem, t, states)[1][:size] for t in (problem.t0, problem.t1))
    bound = AFFINE_ROUNDINGS * EPS * np.abs(early).max()
    autonomous = not time_derivative(problem, (problem.t0 + problem.t1) / 2, states).any()
    return bool(
        autonomous and np.abs(early - early[:, :1]).max() <= bound and np.abs(late - early).max() <= bound
    )
