"""A problem with a wide state, beside which time grids and other small tensors are negligible."""

from __future__ import annotations

import functools

import numpy as np
from array_api_compat import array_namespace

from nodecheck.problems.problem import Array, Problem

_BATCH = 2
# Phases of a turn, the same ones at every width: a norm over the components then depends neither on time nor
# on the width.
_PHASES = 32


def _turn(_t: Array, y: Array, /, *, c: Array) -> Array:
    xp = array_namespace(y)
    half = y.shape[-1] // 2
    one = xp.sin(y) ** 2 + xp.cos(y) ** 2
    return c * one * xp.concat([-y[..., half:], y[..., :half]], axis=-1)


@functools.lru_cache
def wide(width: int, duration: float = 1.0) -> Problem:
    """Return u' = -c v, v' = c u with y = (u, v) of `width` components, on [0, duration].

    The field commutes with rotations, and so does every Runge-Kutta method.  All steps are therefore equally
    hard, in both directions of time.  A controller settles on one step size and rejects no further step, and
    the number of steps of an adaptive layer is proportional to the interval.

    The factor 1 = sin² + cos² makes autograd save six states for one evaluation, so that an evaluation is
    clearly larger than a single state.  The parameter has the size of the state, and a kept tensor of its
    size is counted as a state.

    Parameters
    ----------
    width
        Number of components, even.
    duration
        Length of the interval, in units of time; 2 pi is a turn.
    """
    half = width // 2
    phases = 2 * np.pi * (np.arange(half) % _PHASES) / _PHASES
    return Problem(
        name="wide",
        vector_field=_turn,
        y0=np.tile(np.concatenate([np.cos(phases), np.sin(phases)]), (_BATCH, 1)),
        t0=0.0,
        t1=duration,
        params={"c": np.ones(width)},
        reveals="the memory that a layer keeps for each step",
        blind_to="all numerical errors: all components turn alike",
    )


def is_wide(problem: Problem) -> bool:
    """Return True for a problem that `wide` has made."""
    return problem.vector_field is _turn
