"""Solutions of a problem by SciPy: accurate ones, and ones at a given tolerance."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp
from threadpoolctl import ThreadpoolController

from nodecheck.problems import Float64, Problem

# SciPy replaces an rtol below 100 eps = 2.2e-14; nearer to it than this, rounding in the step-size control
# costs many steps and gains nothing.
TIGHTEST_RTOL = 5e-14


class ReferenceFailure(RuntimeError):
    """A reference could not be computed: the problem, not the layer, is in question."""


def integrate(problem: Problem, rhs: Callable[..., Any], start: npt.NDArray[Any], **options: Any) -> Any:
    """Integrate d/dt state = rhs(t, state), state of any shape, over the problem's interval by `solve_ivp`.

    Tolerances are as tight as they can be unless given.  Returns SciPy's result, whose states are flat.

    Raises
    ------
    ReferenceFailure
        If the solver gives up, or its result is not finite.
    """

    def flat(t: float, state: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(rhs(t, state.reshape(start.shape))).reshape(-1)

    settings = {"method": "DOP853", "rtol": TIGHTEST_RTOL, "atol": TIGHTEST_RTOL, **options}
    # On arrays this small, threads of BLAS only wait for each other: measured, up to nine times slower.
    with (
        _threads().limit(limits=1, user_api="blas"),
        np.errstate(over="ignore", invalid="ignore"),  # a solution that escapes is reported below, once
    ):
        result: Any = solve_ivp(flat, (problem.t0, problem.t1), start.reshape(-1), **settings)
    if not result.success or not np.isfinite(result.y).all():
        msg = (
            f"{settings['method']} could not integrate {problem.name!r} over [{problem.t0}, {problem.t1}]: "
            f"{result.message} Shorten the interval or give the problem an exact flow."
        )
        raise ReferenceFailure(msg)
    return result


@functools.cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def trajectory(problem: Problem, ts: npt.ArrayLike) -> Float64:
    """Return the solution at times `ts`, within the interval and in any order: shape (len(ts), B, d).

    From the exact flow, or from the dense output of DOP853 at its tightest tolerance.
    """
    times = np.atleast_1d(np.asarray(ts, dtype=np.float64))
    first, last = sorted((problem.t0, problem.t1))
    if not ((first <= times) & (times <= last)).all():
        msg = f"ts must lie in [{first}, {last}], got {times.min()} to {times.max()}; use with_interval"
        raise ValueError(msg)
    flow = problem.flow
    if flow is not None:
        with np.errstate(all="ignore"):
            states = np.stack([flow(np.asarray(t), problem.y0, **problem.params) for t in times])
        if not np.isfinite(states).all():
            msg = f"the exact flow of {problem.name!r} is not finite in [{first}, {last}]; shorten it"
            raise ReferenceFailure(msg)
        return states
    dense: Float64 = _integrate_state(problem, dense_output=True).sol(times)
    return np.moveaxis(dense, -1, 0).reshape(len(times), *problem.y0.shape)


@functools.lru_cache(maxsize=256)
def solution(problem: Problem) -> Float64:
    """Return the accurate y(t1), shape (B, d), read-only."""
    if problem.exact_flow is not None:
        y1: Float64 = trajectory(problem, problem.t1)[0]
    else:
        y1 = _integrate_state(problem).y[:, -1].reshape(problem.y0.shape)
    y1.flags.writeable = False
    return y1


def solve_adaptive(problem: Problem, tol: float, method: str = "RK45") -> tuple[Float64, int]:
    """Solve with one of SciPy's own methods at rtol = atol = tol, the whole batch as one system.

    The yardstick for adaptive layers: what a trusted solver achieves at equal tolerance.

    Returns
    -------
    y1
        Shape (B, d).
    nfev
        Number of calls of the vector field.
    """
    result = _integrate_state(problem, method=method, rtol=tol, atol=tol)
    return result.y[:, -1].reshape(problem.y0.shape), int(result.nfev)


def _integrate_state(problem: Problem, **options: Any) -> Any:
    def rhs(t: float, y: Float64) -> Any:
        return problem.vector_field(np.asarray(t), y, **problem.params)

    return integrate(problem, rhs, problem.y0, **options)
