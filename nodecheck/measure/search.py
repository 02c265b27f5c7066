"""Search for a counterexample with Hypothesis, and shrink it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy, integers, lists

T = TypeVar("T")
# Shrinking a failing layer may run it thousands of times; a simple enough example is found sooner.
SHRINKING_SECONDS = 2.0


def dyadic(low: int = -8, high: int = 8) -> SearchStrategy[float]:
    """Draw a multiple of 1/8 in [low/8, high/8]: short, and exact in every dtype."""
    return integers(low, high).map(lambda i: i / 8)


def dyadics(size: int) -> SearchStrategy[list[float]]:
    """Draw `size` multiples of 1/8 in [-1, 1]."""
    return lists(dyadic(), min_size=size, max_size=size)


def falsify(
    strategy: SearchStrategy[T], holds: Callable[[T], bool], *, examples: int, random_seed: int
) -> T | None:
    """Return the simplest drawn value for which `holds` is false, or None if there is none.

    The search is repeatable: it depends on the seed alone, uses no database and no deadline.
    """
    failing: list[T] = []
    first_failure = 0.0

    def trial(value: T) -> None:
        nonlocal first_failure
        if failing and time.monotonic() - first_failure > SHRINKING_SECONDS:
            return
        if not holds(value):
            first_failure = first_failure or time.monotonic()
            failing.append(value)
            raise _Counterexample

    search = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
    )(given(strategy)(trial))
    try:
        seed(random_seed)(search)()
    except (_Counterexample, HypothesisException):
        # Hypothesis calls a trial flaky once the time for shrinking is over; the last failure stands.
        if not failing:
            raise
    return failing[-1] if failing else None


class _Counterexample(AssertionError):
    """Tells Hypothesis that the drawn value falsifies the property."""
