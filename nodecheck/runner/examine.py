"""Goes through the checks of a plan: what still makes sense follows from what came before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from nodecheck.checks import Check
from nodecheck.options.profile import Profile
from nodecheck.problems import Problem
from nodecheck.results import NOT_REACHED, LayerCard, Outcome, Result
from nodecheck.runner.measure import blank
from nodecheck.runner.plan import Plan, preconditions, problems_of
from nodecheck.runner.reproducer import reproducer

# Runs one check on one problem of one layer, here or in another process, and never raises for the layer.
Measure: TypeAlias = Callable[[LayerCard, Check, Problem | None], Result]
_PROFILE_RANK = {"smoke": 0, "ci": 1, "full": 2}


def examine(plan: Plan, measure: Measure, done: Iterable[Result] = ()) -> Iterator[Result]:
    """Yield the results of a plan as they come; what is `done` already comes first and is not run again."""
    done = tuple(done)
    for card in plan.cards:
        examination = Examination(card, plan, measure, done)
        for check in plan.checks:
            yield from examination.results_of(check)


def complete(plan: Plan, done: Iterable[Result]) -> Iterator[Result]:
    """Yield the results of a run that was cut short, and one that decides nothing for each missing one."""

    def not_reached(card: LayerCard, check: Check, problem: Problem | None) -> Result:
        nothing = blank(card.name, check, problem, plan.seed)
        return replace(nothing, outcome=Outcome.INCONCLUSIVE, reason=NOT_REACHED)

    return examine(plan, not_reached, done)


class Examination:
    """One layer on its way through the checks.

    Parameters
    ----------
    card
        The layer.
    plan
        The profile and the seed.
    measure
        What runs a check.
    done
        Results of an earlier run that was interrupted.
    """

    def __init__(self, card: LayerCard, plan: Plan, measure: Measure, done: Iterable[Result] = ()) -> None:
        self._card, self._plan, self._measure = card, plan, measure
        self._done = {(r.check, r.problem): r for r in done if r.layer == card.name}
        self._broken: set[str] = set()

    def results_of(self, check: Check) -> Iterator[Result]:
        """Yield a result for each problem of a check; one that says why where the check is skipped."""
        reason = self._why_not(check)
        if reason:
            nothing = blank(self._card.name, check, None, self._plan.seed)
            yield self._dressed(replace(nothing, outcome=Outcome.SKIPPED, reason=reason))
            return
        for problem in problems_of(check, self._plan.profile):
            known = self._done.get((check.id, problem.name if problem is not None else ""))
            result = known or self._dressed(self._measure(self._card, check, problem))
            if result.outcome is Outcome.ERROR or result.violated:
                self._broken.add(check.id)
            yield result

    def _dressed(self, result: Result) -> Result:
        """Return the result with what is known of the layer: what it expects, and how to see it again."""
        expected = self._card.expected_failures.get(result.check, "")
        result = replace(result, expected=expected)
        return replace(result, reproducer=reproducer(result, self._card.target, self._plan))

    def _why_not(self, check: Check) -> str:
        """Return why a check is skipped, or "" if it is not."""
        kind = "adaptive" if self._card.resolution == "tol" else "fixed-step"
        if check.applies_to not in ("all", kind):
            return f"asked only of {check.applies_to} layers"
        if not within(check, self._plan.profile):
            return f"part of the {check.profile} profile"
        for needed in preconditions(check):
            if needed in self._broken:
                return f"means nothing while {needed} fails"
        return ""


def within(check: Check, profile: Profile) -> bool:
    """Whether a profile includes a check."""
    return _PROFILE_RANK[check.profile] <= _PROFILE_RANK[profile.name]
