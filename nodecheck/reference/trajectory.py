"""Solutions of a problem: accurate ones, and ones by SciPy at a given tolerance."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from nodecheck.numerics.constants import CACHED_REFERENCES
from nodecheck.problems import Float64, Problem
from nodecheck.reference.integration import ReferenceFailure, integrate


def trajectory(problem: Problem, ts: npt.ArrayLike) -> Float64:
    """Return the solution at given times: float64, shape (len(ts), B, d).

    It comes from the exact flow, or from the dense output of DOP853 at its tightest tolerance.

    Parameters
    ----------
    problem
        The problem to solve.
    ts
        Times within the interval, shape (T,), in any order.

    Raises
    ------
    ValueError
        If a time lies outside the interval.
    ReferenceFailure
        If the problem cannot be solved.
    """
    times = np.atleast_1d(np.asarray(ts, dtype=np.float64))
    first, last = sorted((problem.t0, problem.t1))
    if not ((first <= times) & (times <= last)).all():
        msg = (
            f"ts must lie in [{first}, {last}], got {times.min()} to {times.max()}; use problem.with_interval"
        )
        raise ValueError(msg)
    if problem.flow is not None:
        return _by_exact_flow(problem, times)
    dense: Float64 = _integrate_state(problem, dense_output=True).sol(times)
    return np.moveaxis(dense, -1, 0).reshape(len(times), *problem.y0.shape)


def _by_exact_flow(problem: Problem, times: Float64) -> Float64:
    """Return the states at these times by the closed form, which has to be finite."""
    flow = problem.flow
    assert flow is not None
    with np.errstate(all="ignore"):
        states = np.stack([flow(np.asarray(t), problem.y0, **problem.params) for t in times])
    if not np.isfinite(states).all():
        first, last = sorted((problem.t0, problem.t1))
        msg = f"the exact flow of {problem.name!r} is not finite in [{first}, {last}]. Shorten the interval."
        raise ReferenceFailure(msg)
    return states


@functools.lru_cache(maxsize=CACHED_REFERENCES)
def solution(problem: Problem) -> Float64:
    """Return the accurate y(t1): float64, shape (B, d), read-only.

    Raises
    ------
    ReferenceFailure
        If the problem cannot be solved.
    """
    if problem.exact_flow is not None:
        y1: Float64 = trajectory(problem, problem.t1)[0]
    else:
        y1 = _integrate_state(problem).y[:, -1].reshape(problem.y0.shape)
    y1.flags.writeable = False
    return y1


def solve_adaptive(problem: Problem, tol: float, method: str = "RK45") -> tuple[Float64, int]:
    """Return the solution by one of SciPy's methods at rtol = atol = tol, the whole batch as one system.

    Adaptive layers are compared with it: it is what a trusted solver achieves at the same tolerance.

    Parameters
    ----------
    problem
        The problem to solve.
    tol
        Relative and absolute tolerance.
    method
        A method of `scipy.integrate.solve_ivp`.

    Returns
    -------
    y1
        Final state, float64, shape (B, d).
    nfev
        Number of calls of the vector field.

    Raises
    ------
    ReferenceFailure
        If the solver gives up, or its result is not finite.
    """
    result = _integrate_state(problem, method=method, rtol=tol, atol=tol)
    return result.y[:, -1].reshape(problem.y0.shape), int(result.nfev)


def _integrate_state(problem: Problem, **options: Any) -> Any:
    """Return SciPy's result for the state of the problem alone."""

    def rhs(t: float, y: Float64) -> Any:
        return problem.vector_field(np.asarray(t), y, **problem.params)

    return integrate(problem, rhs, problem.y0, **options)
