"""A check of a layer as a test: a callable that passes, fails or skips."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from nodecheck.checks import Check
from nodecheck.frontends.pytest.text import failure, no_verdict
from nodecheck.report.numbers import shorten
from nodecheck.results import LayerCard, Outcome, Result, Run, Status
from nodecheck.runner.examine import Examination
from nodecheck.runner.measure import blank
from nodecheck.runner.plan import Plan

_LONGEST_LABEL = 80  # characters
# A check has a result for each problem.  The outcome of the item is the first of these statuses that any
# result has.  One problem that passes is enough to pass; undecided ones are in the record.
_WORST_FIRST = (
    Status.FAILED,
    Status.ERROR,
    Status.XPASSED,
    Status.XFAILED,
    Status.PASSED,
    Status.INCONCLUSIVE,
    Status.UNSUPPORTED,
    Status.SKIPPED,
)
_WRONG = (Status.FAILED, Status.ERROR, Status.XPASSED)


class CheckFailed(AssertionError, pytest.fail.Exception):  # type: ignore[name-defined, misc]
    """A layer does not pass a check; the message says all, so pytest shows no traceback."""

    def __init__(self, text: str) -> None:
        pytest.fail.Exception.__init__(self, text, pytrace=False)


class LayerCheck:
    """One check of one layer.

    Parameters
    ----------
    card
        The layer, by its claims.
    check
        The check.
    plan
        Profile and seed.
    examination
        Returns the examination of this layer, which all its checks share.

    Attributes
    ----------
    results
        A result for each problem; empty until it was called.
    complete
        True if it was called and came to its end.
    """

    def __init__(
        self, card: LayerCard, check: Check, plan: Plan, examination: Callable[[], Examination]
    ) -> None:
        self.card, self.check, self.plan = card, check, plan
        self._examination = examination
        self.results: tuple[Result, ...] = ()
        self.complete = False

    def __repr__(self) -> str:
        return f"<check {self.check.id} of {self.label}>"

    @property
    def label(self) -> str:
        """The name of the layer in the form of an id."""
        return label(self.card.name)

    def __call__(self) -> None:
        """Run the check; nothing happens if the layer passes.

        Raises
        ------
        CheckFailed
            If the layer fails, or passes although it is expected to fail.
        """
        __tracebackhide__ = True
        self.measure()
        self.conclude()

    def measure(self) -> None:
        """Run the check on each of its problems; the results until an interruption are kept."""
        self.results, self.complete = (), False
        for result in self._examination().results_of(self.check):
            self.results = (*self.results, result)
        self.results = Run(self.results).results  # marks an expected failure that passes
        self.complete = True

    def conclude(self) -> None:
        """Pass, fail, skip or fail as expected, by the exceptions of pytest."""
        __tracebackhide__ = True
        status = next(s for s in _WORST_FIRST if any(r.status is s for r in self.results))
        decisive = [r for r in self.results if r.status is status]
        if status is Status.XFAILED:
            pytest.xfail(decisive[0].expected)  # does nothing with --runxfail
        if status in (*_WRONG, Status.XFAILED):
            wrong = [r for r in self.results if r.status in (*_WRONG, Status.XFAILED)]
            raise CheckFailed(failure(wrong))
        if status is not Status.PASSED:
            pytest.skip(no_verdict(decisive))

    def lost(self, reason: str) -> Result:
        """Return the result of a check that was interrupted, with the reason."""
        nothing = blank(self.card.name, self.check, None, self.plan.seed)
        return replace(nothing, title=self.check.failure_title, reason=reason)


def never_asked(card: LayerCard, plan: Plan) -> Iterator[Result]:
    """Yield a skipped result, with the reason, for each check that does not apply to a layer in this plan."""

    def measure(card: LayerCard, check: Check, problem: object) -> Result:  # noqa: ARG001
        return blank(card.name, check, None, plan.seed)

    for check in plan.checks:  # each in an examination of its own, in which no other check has failed
        result = next(Examination(card, plan, measure).results_of(check))
        if result.outcome is Outcome.SKIPPED:
            yield result


def checks_of(card: LayerCard, plan: Plan, examination: Callable[[], Examination]) -> Iterator[LayerCheck]:
    """Yield all checks that apply to a layer."""
    unasked = {result.check for result in never_asked(card, plan)}
    for check in plan.checks:
        if check.id not in unasked:
            yield LayerCheck(card, check, plan, examination)


def label(name: str) -> str:
    """Return a name in the form of an id: short and on one line; a changed name ends in its digest."""
    shown = shorten(name, _LONGEST_LABEL).replace("::", ":")
    if shown == name:
        return name
    return f"{shown}#{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"
