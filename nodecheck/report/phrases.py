"""Phrases of a verdict on a layer: its faults, what passed, what was looked at, and what is undecided."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nodecheck.report.limits import LABEL, MEASUREMENT, REASON, STATEMENT, TITLE
from nodecheck.report.numbers import shorten, span
from nodecheck.report.statuses import NOT_APPLICABLE, statement
from nodecheck.results import (
    ALSO_LOOKED_AT,
    NOT_LOOKED_AT,
    NOT_REACHED,
    SCOPE,
    SCOPE_BESIDES,
    VERIFIED_SHARE,
    LayerCard,
    Result,
    Run,
    Status,
)
from nodecheck.results.phrases import plural


def facts_of(results: Iterable[Result]) -> dict[str, str]:
    """Return the measured properties of a layer; where problems differ, the range."""
    seen: dict[str, list[str]] = {}
    for result in results:
        for key, value in result.facts.items():
            seen.setdefault(key, []).append(value)
    return {key: span(values) for key, values in seen.items()}


def partly(run: Run, name: str) -> bool:
    """Return True if checks were left out, or if the layer is known to return more than was looked at."""
    return bool(not_run(run, name)) or NOT_LOOKED_AT in facts_of(run.of_layer(name))


def scope(run: Run, name: str) -> str:
    """Return the part of the output that was looked at, and what else there is; "" if unknown."""
    facts = facts_of(run.of_layer(name))
    others = facts.get(NOT_LOOKED_AT, "")
    also = f"the layer also returns {shorten(others, REASON)}" if others else ""
    besides = facts.get(SCOPE_BESIDES, "")
    seen = facts.get(SCOPE, "").replace(" (", f" with {besides} (" if besides else " (", 1)
    looked_at = ", ".join(filter(None, (seen, facts.get(ALSO_LOOKED_AT, ""))))
    return "; ".join(filter(None, (shorten(looked_at, REASON), also)))


def not_run(run: Run, name: str) -> list[str]:
    """Return the number of checks that were left out, and of results that were not reached, as phrases."""
    left_out, unreached = run.left_out(name), sum(r.reason == NOT_REACHED for r in run.of_layer(name))
    parts = [f"{plural(len(left_out), 'other')} not run"] if left_out else []
    return parts + ([f"interrupted before {plural(unreached, 'result')}"] if unreached else [])


def undecided(results: tuple[Result, ...]) -> str:
    """Return the reason why a layer is not verified: how many results are undecided, or were not reached."""
    applicable = [r for r in results if r.status not in NOT_APPLICABLE]
    if not applicable:
        reason = next((r.reason for r in results if r.reason), "")
        return "nothing was decided" + (f" ({shorten(reason, TITLE)})" if reason else "")
    total, unreached = plural(len(applicable), "result"), sum(r.reason == NOT_REACHED for r in applicable)
    if unreached == len(applicable):
        return "not run, because the run was interrupted before it"
    open_ = sum(r.status is Status.INCONCLUSIVE for r in applicable) - unreached
    passed = sum(r.status is Status.PASSED for r in applicable)
    if unreached:
        undecided = f", {open_} inconclusive" if open_ else ""
        return f"the run was interrupted before {unreached} of {total}; {passed} passed{undecided}"
    return (
        f"{open_} of {total} inconclusive; "
        f"{100 * passed / len(applicable):.0f} % passed, {100 * VERIFIED_SHARE:.0f} % needed"
    )


def what_passed(results: tuple[Result, ...]) -> str:
    """Return the number of checks that passed and, if any, of results that are inconclusive, as a phrase."""
    passed = [r for r in results if r.status is Status.PASSED]
    open_ = sum(r.status is Status.INCONCLUSIVE and r.reason != NOT_REACHED for r in results)
    undecided = f" ({plural(open_, 'result')} inconclusive)" if open_ else ""
    return f"{checks_of(passed)} passed{undecided}"


def failures(wrong: list[Result]) -> str:
    """Return the number of checks that failed, and of those that ended in an error.

    A check may fail on several problems: those are the results that the scorecard counts.
    """
    failed = {r.check for r in wrong if r.status is Status.FAILED}
    raised = {r.check for r in wrong} - failed
    count = sum(r.status is Status.FAILED for r in wrong)
    results = f" ({plural(count, 'result')})" if count > len(failed) else ""
    parts = [f"{plural(len(failed), 'check')} failed{results}"] if failed else []
    return " and ".join([*parts, *([f"{plural(len(raised), 'check')} ended in an error"] if raised else [])])


def errors_alone(results: tuple[Result, ...], wrong: list[Result]) -> str:
    """Return the end of a verdict on errors alone: how far they reach, and the first of them."""
    if not any(r.status is Status.PASSED for r in results):
        return f": {first_of(wrong[0])}"
    return f" in {checks_of(wrong)}, first: {first_of(wrong[0])}; {what_passed(results)}"


def checks_of(results: list[Result]) -> str:
    """Return the number of checks that the results belong to: 3 checks."""
    return plural(len({r.check for r in results}), "check")


def first_of(result: Result) -> str:
    """Return the first fault: the refuted statement, or the error that was raised and its check."""
    raised = (result.reason or result.diagnosis).strip().split("\n")[-1]
    if result.status is Status.ERROR and raised:
        return f"{shorten(raised, STATEMENT).rstrip('.')} (in {shorten(result.check)})"
    return statement(result)


def card_of(run: Run, name: str) -> LayerCard | None:
    """Return the claims of a layer; None where they are not known."""
    return next((card for card in run.layers if card.name == name), None)


def properties(run: Run, name: str) -> list[str]:
    """Return the measured order, beside the claimed one, and the measured gradient class."""
    facts = facts_of(run.of_layer(name))
    card = card_of(run, name)
    parts = []
    if "order" in facts:
        claimed = f" (claimed {card.order})" if card is not None and card.order is not None else ""
        parts.append(f"forward order {shorten(facts['order'], LABEL)}{claimed}")
    if "gradient class" in facts:
        parts.append(f"gradient {shorten(facts['gradient class'], MEASUREMENT)}")
    return parts


def brief(run: Run, name: str) -> str:
    """Return the measured properties in a few words: order 3.91, gradient order 4.0."""
    facts = facts_of(run.of_layer(name))
    parts = [f"order {shorten(facts['order'], LABEL)}"] if "order" in facts else []
    gradient = facts.get("gradient class", "")
    rate = re.search(r"(?:of order (\S+)|like (tol\^\S+))", gradient)
    if rate:
        parts.append(f"gradient order {rate[1]}" if rate[1] else f"gradient error like {rate[2]}")
    elif gradient.startswith("discretely"):
        parts.append("discrete gradient")
    elif gradient:
        parts.append(f"gradient {shorten(gradient, LABEL)}")
    return ", ".join(parts)
