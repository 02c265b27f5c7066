"""Results that are computed once per problem, here or in another process."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Generic, TypeVar

from nodecheck.numerics.constants import CACHED_REFERENCES
from nodecheck.problems import Problem

_T = TypeVar("_T")


class Remembered(Generic[_T]):
    """A function of a problem that is called once for each; as a decorator.

    Parameters
    ----------
    function
        The function.  The last `CACHED_REFERENCES` results are kept.
    """

    def __init__(self, function: Callable[[Problem], _T]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._known: dict[Problem, _T] = {}

    def __call__(self, problem: Problem) -> _T:
        """Return the result for a problem."""
        if problem not in self._known:
            self.learn(problem, self._function(problem))
        return self._known[problem]

    def learn(self, problem: Problem, result: _T) -> None:
        """Take a result that was computed elsewhere."""
        if len(self._known) >= CACHED_REFERENCES:
            del self._known[next(iter(self._known))]
        self._known[problem] = result
