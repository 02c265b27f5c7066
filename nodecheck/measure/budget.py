"""Budgets: a slow layer is left undecided in time, where it would otherwise run into the time limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from nodecheck.layers import LayerUnderTest, Refusal, attempt
from nodecheck.numerics.constants import SHARE_OF_TIME_LIMIT
from nodecheck.options.profile import Profile
from nodecheck.results import Inconclusive

_T = TypeVar("_T")


def budget(profile: Profile) -> float:
    """Return the seconds that a ladder of passes may take."""
    return profile.seconds * SHARE_OF_TIME_LIMIT


def timed(call: Callable[..., _T], *arguments: object) -> tuple[_T, float]:
    """Return `call(*arguments)` and the seconds that it took."""
    start = time.perf_counter()
    result = call(*arguments)
    return result, time.perf_counter() - start


def seconds_ahead(done: Sequence[tuple[float, float]], following: Sequence[float]) -> float:
    """Return the least that the levels `following` take, from (level, seconds) of those that are `done`.

    In proportion to the level or along a straight line, whichever is less: a layer that compiles in each pass
    pays once.  Both look at two levels, so that one interruption by the machine does not stop a ladder; from
    one level nothing follows but that the next ones take no less.
    """
    n1, s1 = done[-1]
    if len(done) == 1:
        return s1 * len(following)
    n0, s0 = done[-2]
    slope = max(0.0, (s1 - s0) / (n1 - n0))
    line = sum(s1 + slope * (n - n1) for n in following)
    return min(line, min(s0 / n0, s1 / n1) * sum(following))


def unless_out_of_memory(layer: LayerUnderTest, call: Callable[[], _T], width: int) -> _T:
    """Return `call()`.

    Raises
    ------
    Inconclusive
        If memory runs out: how wide the state is was our choice.
    """
    outcome = attempt(call)
    if not isinstance(outcome, Refusal):
        return outcome
    if not layer.backend.out_of_memory(outcome):
        raise outcome.error
    message = f"the layer needs more memory than there is at a state of {width} numbers"
    raise Inconclusive(message)
