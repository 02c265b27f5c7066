"""Integration of a problem's equations by SciPy, under tight error control."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nodecheck.numerics.constants import TIGHTEST_RTOL
from nodecheck.problems import Problem

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


class ReferenceFailure(RuntimeError):
    """The reference could not be computed; the problem is in question, and not the layer."""


def integrate(problem: Problem, rhs: Callable[..., Any], start: npt.NDArray[Any], **options: Any) -> Any:
    """Return SciPy's result for d/dt state = rhs(t, state) over the problem's interval; its states are flat.

    Parameters
    ----------
    problem
        The problem whose interval is integrated over.
    rhs
        ``rhs(t, state)``, of the shape of `start`.
    start
        The state at t0, any shape, float64 or complex128.
    **options
        Options of `scipy.integrate.solve_ivp`; the default is DOP853 at its tightest tolerance.

    Raises
    ------
    ReferenceFailure
        If the solver gives up, or its result is not finite.
    """
    from scipy.integrate import solve_ivp

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
    """Return the control of BLAS threads; SciPy has to be imported before, as it brings a BLAS of its own."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
