"""A problem with a wide state, beside which time grids and other small things weigh nothing."""

from __future__ import annotations

import functools

import numpy as np
from array_api_compat import array_namespace

from nodecheck.problems.problem import Array, Problem

_BATCH = 2
# Every phase of a turn, the same ones at every width: a norm over the components then depends neither on
# where the turn has got to nor on the width.
_PHASES = 32


def _turn(_t: Array, y: Array, /, *, c: Array) -> Array:
    xp = array_namespace(y)
    half = y.shape[-1] // 2
    one = xp.sin(y) ** 2 + xp.cos(y) ** 2
    return c * one * xp.concat([-y[..., half:], y[..., :half]], axis=-1)


@functools.lru_cache
def wide(width: int, duration: float = 1.0) -> Problem:
    """Return u' = -c v, v' = c u with y = (u, v) of `width` components, on [0, duration].

    The field commutes with rotations, and so does every Runge-Kutta method: one step is as hard as any other,
    in both directions of time, so a controller of step sizes settles, rejects nothing more, and an interval
    of any length costs an adaptive layer steps in proportion.  The factor 1 = sin² + cos² is there for the
    six states that autograd saves of it for one evaluation, so that one evaluation stands clear of single
    states.  The parameter grows with the state: what is kept of its size is counted as a state.
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
        reveals="what a layer keeps for each step",
        blind_to="everything about the numbers: all components turn alike",
    )
