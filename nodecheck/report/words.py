"""The verdict on a layer: one word, and a sentence that contains it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from nodecheck.report.limits import LABEL, MEASUREMENT, STATEMENT, TITLE
from nodecheck.report.numbers import plural, shorten, span
from nodecheck.report.statuses import NOT_APPLICABLE, WRONG, statement
from nodecheck.results import NOT_REACHED, VERIFIED_SHARE, Result, Run, Status

# The statuses that mean a fault, and the sentence about a result, are handed on for the front ends.
__all__ = ["WRONG", "Verdict", "Word", "facts_of", "layer_names", "statement", "verdict"]


class Word(StrEnum):
    """The short form of a verdict on a layer."""

    RIGHT = "right"
    PARTLY_CHECKED = "partly checked"
    WITHIN_CLAIM = "within its memory claim"
    KNOWN_FAULTS = "known faults"
    OUTDATED = "expectations out of date"
    UNVERIFIED = "NOT VERIFIED"
    NOT_JUDGED = "not judged"
    WRONG = "wrong"


WORD_SYMBOLS = {
    Word.RIGHT: "✓",
    Word.PARTLY_CHECKED: "✓",
    Word.WITHIN_CLAIM: "✓",
    Word.KNOWN_FAULTS: "~",
    Word.OUTDATED: "↑",
    Word.UNVERIFIED: "?",
    Word.NOT_JUDGED: "✗",
    Word.WRONG: "✗",
}
_ADAPTER = "adapter"  # a check of the code between nodecheck and the layer: its failure is not the layer's
_MEMORY = "memory-law"  # the only check of `nodecheck memory`


@dataclass(frozen=True)
class Verdict:
    """The verdict on a layer: one word, and a sentence that contains it."""

    layer: str
    word: Word
    text: str

    @property
    def symbol(self) -> str:
        """The symbol beside the word, so that no meaning depends on colour alone."""
        return WORD_SYMBOLS[self.word]

    @property
    def verb(self) -> str:
        """The verb between the name of the layer and the sentence."""
        return "has" if self.word in (Word.OUTDATED, Word.KNOWN_FAULTS) else "is"


def layer_names(run: Run) -> tuple[str, ...]:
    """Return every layer that has a card or a result, in order of appearance."""
    return tuple(dict.fromkeys([card.name for card in run.layers] + [r.layer for r in run.results]))


def facts_of(results: Iterable[Result]) -> dict[str, str]:
    """Return the measured properties of a layer; where problems differ, the range."""
    seen: dict[str, list[str]] = {}
    for result in results:
        for key, value in result.facts.items():
            seen.setdefault(key, []).append(value)
    return {key: span(values) for key, values in seen.items()}


def verdict(run: Run, name: str) -> Verdict:
    """Return the verdict on one layer, with the number of checks that were left out."""
    found = _verdict(run, name)
    if not run.left_out(name) or found.word in (Word.PARTLY_CHECKED, Word.WITHIN_CLAIM):
        return found
    left = plural(len(run.left_out(name)), "other check")
    return replace(found, text=f"{found.text}; {left} not run")


def _verdict(run: Run, name: str) -> Verdict:
    """Return the verdict that follows from the results alone."""
    results = run.of_layer(name)
    wrong = [r for r in results if r.status in WRONG]
    expected = [r for r in results if r.status is Status.XFAILED]
    outdated = [r for r in results if r.status is Status.XPASSED]
    if any(r.check == _ADAPTER and r.status is Status.FAILED for r in wrong):
        return Verdict(name, Word.NOT_JUDGED, "not judged: its adapter has to be repaired first")
    if wrong:
        return Verdict(name, Word.WRONG, f"wrong: {_failures(wrong)}, first: {_first(wrong[0])}")
    if outdated:
        text = f"{_checks(outdated)} passed that had been expected to fail: remove the expectation"
        return Verdict(name, Word.OUTDATED, f"expectations out of date: {text}")
    if expected and _share_of_the_rest(results) >= VERIFIED_SHARE:
        known = f"known faults: {_checks(expected)} failed as expected"
        passed = any(r.status is Status.PASSED for r in results)
        rest = ["the rest passed" if _not_run(run, name) else "the rest is verified"] if passed else []
        return Verdict(name, Word.KNOWN_FAULTS, ", ".join([known, *rest, *_properties(run, name)]))
    if run.is_verified(name) and {r.check for r in results} == {_MEMORY}:
        law = shorten(facts_of(results).get("memory law", ""), MEASUREMENT)
        return Verdict(name, Word.WITHIN_CLAIM, ", ".join(filter(None, (Word.WITHIN_CLAIM, law))))
    if run.is_verified(name) and _not_run(run, name):
        text = f"partly checked: {_passed(results)}"
        return Verdict(
            name, Word.PARTLY_CHECKED, ", ".join([text, *_not_run(run, name), *_properties(run, name)])
        )
    if run.is_verified(name):
        return Verdict(name, Word.RIGHT, f"right: {', '.join(['verified', *_properties(run, name)])}")
    return Verdict(name, Word.UNVERIFIED, f"NOT VERIFIED: {_undecided(results)}")


def _not_run(run: Run, name: str) -> list[str]:
    """Return the number of checks that were left out, and of results that were not reached, as phrases."""
    left_out, unreached = run.left_out(name), sum(r.reason == NOT_REACHED for r in run.of_layer(name))
    parts = [f"{plural(len(left_out), 'other')} not run"] if left_out else []
    return parts + ([f"interrupted before {plural(unreached, 'result')}"] if unreached else [])


def _share_of_the_rest(results: Iterable[Result]) -> float:
    """Return the passed share of the other results that apply; 1 if there are none."""
    judged = [r for r in results if r.status not in (*NOT_APPLICABLE, Status.XFAILED)]
    return sum(r.status is Status.PASSED for r in judged) / len(judged) if judged else 1.0


def _undecided(results: tuple[Result, ...]) -> str:
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


def _passed(results: tuple[Result, ...]) -> str:
    """Return the number of checks that passed and, if any, of results that are inconclusive, as a phrase."""
    passed = [r for r in results if r.status is Status.PASSED]
    open_ = sum(r.status is Status.INCONCLUSIVE and r.reason != NOT_REACHED for r in results)
    undecided = f" ({plural(open_, 'result')} inconclusive)" if open_ else ""
    return f"{_checks(passed)} passed{undecided}"


def _failures(wrong: list[Result]) -> str:
    failed = {r.check for r in wrong if r.status is Status.FAILED}
    raised = {r.check for r in wrong} - failed
    parts = [f"{plural(len(failed), 'check')} failed"] if failed else []
    return " and ".join([*parts, *([f"{plural(len(raised), 'check')} ended in an error"] if raised else [])])


def _checks(results: list[Result]) -> str:
    return plural(len({r.check for r in results}), "check")


def _first(result: Result) -> str:
    """Return the first fault: the refuted statement, or the error that was raised and its check."""
    raised = (result.reason or result.diagnosis).strip().split("\n")[-1]
    if result.status is Status.ERROR and raised:
        return f"{shorten(raised, STATEMENT).rstrip('.')} (in {shorten(result.check)})"
    return statement(result)


def _properties(run: Run, name: str) -> list[str]:
    """Return the measured order, beside the claimed one, and the measured gradient class."""
    facts = facts_of(run.of_layer(name))
    card = next((c for c in run.layers if c.name == name), None)
    parts = []
    if "order" in facts:
        claimed = f" (claimed {card.order})" if card is not None and card.order is not None else ""
        parts.append(f"forward order {shorten(facts['order'], LABEL)}{claimed}")
    if "gradient class" in facts:
        parts.append(f"gradient {shorten(facts['gradient class'], MEASUREMENT)}")
    return parts
