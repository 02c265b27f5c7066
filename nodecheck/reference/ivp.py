"""The trajectory by `scipy.integrate.solve_ivp` alone, also where a problem has a closed form."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nodecheck.numerics.constants import CACHED_REFERENCES
from nodecheck.problems import Float64, Problem
from nodecheck.reference.integration import integrate


@functools.lru_cache(maxsize=CACHED_REFERENCES)
def solve_ivp_states(problem: Problem, ts: tuple[float, ...]) -> Float64:
    """Return the states at given times: float64, shape (len(ts), B, d), read-only.

    They come from ``solve_ivp`` with method DOP853 and ``t_eval=ts``, at its tightest tolerance.

    Parameters
    ----------
    problem
        The problem to solve.
    ts
        Times within the interval, shape (T,), in the direction of the integration.

    Raises
    ------
    ReferenceFailure
        If the solver gives up, or its result is not finite.
    """

    def rhs(t: float, y: Float64) -> Any:
        return problem.vector_field(np.asarray(t), y, **problem.params)

    found = integrate(problem, rhs, problem.y0, t_eval=np.asarray(ts, dtype=np.float64)).y
    states: Float64 = np.moveaxis(found, -1, 0).reshape(len(ts), *problem.y0.shape)
    states.flags.writeable = False
    return states
