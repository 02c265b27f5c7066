"""Search for a counterexample with Hypothesis, and shrink it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from nodecheck.numerics.constants import (
    DRAWN_DENOMINATOR,
    SHRINKING_SECONDS,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_T = TypeVar("_T")


def dyadic(low: int = -DRAWN_DENOMINATOR, high: int = DRAWN_DENOMINATOR) -> SearchStrategy[float]:
    """Return the strategy of multiples of 1/8 in [low/8, high/8]: short, and exact in every dtype."""
    from hypothesis.strategies import integers

    return integers(low, high).map(lambda i: i / DRAWN_DENOMINATOR)


def dyadics(size: int) -> SearchStrategy[list[float]]:
    """Return the strategy of `size` multiples of 1/8 in [-1, 1]."""
    from hypothesis.strategies import lists

    return lists(dyadic(), min_size=size, max_size=size)


def falsify(
    strategy: SearchStrategy[_T], holds: Callable[[_T], bool], *, examples: int, random_seed: int
) -> _T | None:
    """Return the simplest drawn value for which `holds` is false, or None if there is none.

    The search is repeatable: it uses the seed, no database and no deadline.  It writes no file.
    """
    from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
    from hypothesis.errors import HypothesisException

    failing: list[_T] = []
    first_failure = 0.0

    def trial(value: _T) -> None:
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
        with _nothing_stored():
            seed(random_seed)(search)()
    except (_Counterexample, HypothesisException):
        # Hypothesis calls a trial flaky once the time for shrinking is over; the last failure stands.
        if not failing:
            raise
    return failing[-1] if failing else None


@contextlib.contextmanager
def _nothing_stored() -> Iterator[None]:
    """Let Hypothesis write nothing inside the block.

    Without a database it still stores tables of Unicode and the constants of the modules that are loaded, by
    default in ``.hypothesis`` of the working directory.  It goes on where it cannot, so its folder is one
    that cannot be made.  Afterwards the folder is what it was before.
    """
    from hypothesis import configuration

    before = vars(configuration).get("__hypothesis_home_directory")
    configuration.set_hypothesis_home_dir(Path(os.devnull) / "hypothesis")
    try:
        yield
    finally:
        configuration.set_hypothesis_home_dir(before)


class _Counterexample(AssertionError):
    """Tells Hypothesis that the drawn value falsifies the property."""
