"""References of a run, computed in a process beside the one that imports torch."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from nodecheck.measure.pictures import remaining
from nodecheck.options.profile import Profile
from nodecheck.problems import Problem, spiral
from nodecheck.reference import Feature, ReferenceFailure, Sensitivity, features, sensitivity
from nodecheck.runner.plan import problems_of, selected

_Found: TypeAlias = dict[int, tuple[Sensitivity, frozenset[Feature]]]


def begin(profile: Profile, select: Sequence[str], *, several: bool) -> Callable[[], None]:
    """Begin to compute the references of the selected checks; return the function that waits for them.

    It puts them where `sensitivity` and `features` find them.  What is missing then, they compute.

    Parameters
    ----------
    profile, select
        The profile, and shell patterns for checks.
    several
        True if there are several layers: then the backward trajectory that pictures need pays as well.
    """
    problems = _problems(profile, select, several=several)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _send_and_end(problems, writer)
    os.close(writer)

    def take() -> None:
        with os.fdopen(reader, "rb") as pipe, contextlib.suppress(EOFError, pickle.UnpicklingError):
            _learn(problems, pickle.load(pipe))
        os.waitpid(pid, 0)

    return take


def _problems(profile: Profile, select: Sequence[str], *, several: bool) -> tuple[Problem, ...]:
    try:
        chosen = [p for check in selected(select) for p in problems_of(check, profile) if p is not None]
    except ValueError:  # nothing is selected: the parent process reports it
        return ()
    return tuple(dict.fromkeys((*chosen, *(remaining(spiral) if several else ()))))


def _send_and_end(problems: tuple[Problem, ...], writer: int) -> None:
    """Send the references, and end this process whatever happens."""
    try:
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump(dict(_computed(problems)), pipe)
    finally:
        os._exit(0)


def _computed(problems: tuple[Problem, ...]) -> Iterator[tuple[int, tuple[Sensitivity, frozenset[Feature]]]]:
    for k, problem in enumerate(problems):
        with contextlib.suppress(ReferenceFailure):  # the check that needs it reports it
            yield k, (sensitivity(problem), features(problem))


def _learn(problems: tuple[Problem, ...], found: _Found) -> None:
    for k, (reference, present) in found.items():
        sensitivity.learn(problems[k], reference)
        features.learn(problems[k], present)
