"""The examination of layers: the checks of a plan in their order, without those that mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from nodecheck.checks import Check
from nodecheck.diagnosis.remedies import remedy_of
from nodecheck.options.expectations import expected_reason
from nodecheck.problems import Problem
from nodecheck.results import NOT_REACHED, LayerCard, Outcome, Result
from nodecheck.runner.measure import blank
from nodecheck.runner.plan import Plan, left_out, preconditions, problems_of
from nodecheck.runner.reproducer import reproducer

# Runs one check on one problem of one layer, here or in another process, and never raises for the layer.
Measure: TypeAlias = Callable[[LayerCard, Check, Problem | None], Result]


def examine(plan: Plan, measure: Measure, done: Iterable[Result] = ()) -> Iterator[Result]:
    """Yield the results of a plan as they come; those in `done` are not measured again."""
    done = tuple(done)
    for card in plan.cards:
        examination = Examination(card, plan, measure, done)
        for check in plan.checks:
            yield from examination.results_of(check)


def complete(plan: Plan, done: Iterable[Result]) -> Iterator[Result]:
    """Yield the results of an interrupted run, and an inconclusive one for each that is missing."""

    def not_reached(card: LayerCard, check: Check, problem: Problem | None) -> Result:
        nothing = blank(card.name, check, problem, plan.seed)
        return replace(nothing, outcome=Outcome.INCONCLUSIVE, reason=NOT_REACHED)

    return examine(plan, not_reached, done)


class Examination:
    """The examination of one layer; it remembers which checks failed.

    Parameters
    ----------
    card
        The layer.
    plan
        The profile and the seed.
    measure
        The function that runs a check.
    done
        Results of an earlier run that was interrupted.
    """

    def __init__(self, card: LayerCard, plan: Plan, measure: Measure, done: Iterable[Result] = ()) -> None:
        self._card, self._plan, self._measure = card, plan, measure
        self._done = {(r.check, r.problem): r for r in done if r.layer == card.name}
        self._broken: dict[str, str] = {}  # what is wrong with a check that others need

    def results_of(self, check: Check) -> Iterator[Result]:
        """Yield a result for each problem of a check; a skipped check has one, with the reason."""
        reason = self._why_not(check)
        if reason:
            nothing = blank(self._card.name, check, None, self._plan.seed)
            yield self._with_context(replace(nothing, outcome=Outcome.SKIPPED, reason=reason))
            return
        for problem in problems_of(check, self._plan.profile, self._card.supports, self._plan.problems):
            known = self._done.get((check.id, problem.name if problem is not None else ""))
            result = known or self._with_context(self._measure(self._card, check, problem))
            if result.outcome is Outcome.UNSUPPORTED:
                self._broken[check.id] = "is unsupported"
            if result.outcome is Outcome.ERROR or result.violated:
                self._broken[check.id] = "fails"
            yield result

    def _with_context(self, result: Result) -> Result:
        """Return the result with the reason of an expected failure, lines that reproduce it, and a remedy."""
        expected = expected_reason(self._card.expected_failures, result.check, result.problem)
        if self._card.other_dtype and result.outcome is Outcome.MEASURED and not result.violated:
            expected = (
                ""  # failures are expected of the dtype of the layer; in another one they may be hidden
            )
        result = replace(result, expected=expected)
        wrong = result.outcome is Outcome.ERROR or bool(result.violated)
        remedy = remedy_of(result.check, result.diagnosis) if wrong else ""
        return replace(result, reproducer=reproducer(result, self._card, self._plan), remedy=remedy)

    def _why_not(self, check: Check) -> str:
        """Return the reason why a check is skipped, or "" if it is not."""
        if reason := left_out(self._card, check, self._plan.profile, self._plan.problems):
            return reason
        for needed in preconditions(check):
            if needed in self._broken:
                return f"means nothing while {needed} {self._broken[needed]}"
        return ""
