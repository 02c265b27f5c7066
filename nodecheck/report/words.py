"""The verdict on a layer: one word, and a sentence that contains it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from nodecheck.report.faults import faults
from nodecheck.report.limits import MEASUREMENT, REASON
from nodecheck.report.numbers import shorten
from nodecheck.report.own_fields import on_own_fields
from nodecheck.report.phrases import (
    card_of,
    checks_of,
    errors_alone,
    facts_of,
    failures,
    not_run,
    partly,
    properties,
    scope,
    undecided,
    what_passed,
)
from nodecheck.report.statuses import NOT_APPLICABLE, WRONG, statement
from nodecheck.results import VERIFIED_SHARE, Result, Run, Status
from nodecheck.results.phrases import plural

# The statuses that mean a fault, the sentence about a result, and the facts are handed on.
__all__ = ["WRONG", "Verdict", "Word", "facts_of", "layer_names", "statement", "verdict"]


class Word(StrEnum):
    """The short form of a verdict on a layer."""

    RIGHT = "right"
    PARTLY_CHECKED = "partly checked"
    WITHIN_CLAIM = "within its memory claim"
    NO_CLAIM = "no memory claim"
    KNOWN_FAULTS = "known faults"
    OUTDATED = "expectations out of date"
    UNVERIFIED = "NOT VERIFIED"
    NOT_JUDGED = "not judged"
    COULD_NOT_RUN = "could not run"
    WRONG = "wrong"


WORD_SYMBOLS = {
    Word.RIGHT: "✓",
    Word.PARTLY_CHECKED: "✓",
    Word.WITHIN_CLAIM: "✓",
    Word.NO_CLAIM: "·",
    Word.KNOWN_FAULTS: "~",
    Word.OUTDATED: "↑",
    Word.UNVERIFIED: "?",
    Word.NOT_JUDGED: "✗",
    Word.COULD_NOT_RUN: "!",
    Word.WRONG: "✗",
}
WORST_FIRST = (
    Word.WRONG,
    Word.COULD_NOT_RUN,
    Word.NOT_JUDGED,
    Word.OUTDATED,
    Word.UNVERIFIED,
    Word.KNOWN_FAULTS,
    Word.PARTLY_CHECKED,
    Word.NO_CLAIM,
    Word.WITHIN_CLAIM,
    Word.RIGHT,
)
# No fault is known of a layer with one of these verdicts.
FAULTLESS = (Word.RIGHT, Word.PARTLY_CHECKED, Word.WITHIN_CLAIM, Word.NO_CLAIM)
WRONG_WORDS = (Word.WRONG, Word.COULD_NOT_RUN, Word.NOT_JUDGED)
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
    def clause(self) -> str:
        """The sentence with its verb, as it follows the name of the layer."""
        if self.word is Word.COULD_NOT_RUN:
            return self.text
        has = self.word in (Word.OUTDATED, Word.KNOWN_FAULTS, Word.NO_CLAIM)
        return f"{'has' if has else 'is'} {self.text}"


def layer_names(run: Run) -> tuple[str, ...]:
    """Return every layer that has a card or a result, in order of appearance."""
    return tuple(dict.fromkeys([card.name for card in run.layers] + [r.layer for r in run.results]))


def verdict(run: Run, name: str) -> Verdict:
    """Return the verdict on one layer, with the number of checks that were left out."""
    found = _verdict(run, name)
    if not run.left_out(name) or found.word in (Word.PARTLY_CHECKED, Word.WITHIN_CLAIM, Word.NO_CLAIM):
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
    if wrong and all(r.status is Status.ERROR for r in wrong):
        return Verdict(name, Word.COULD_NOT_RUN, f"could not run{errors_alone(results, wrong)}")
    if wrong:
        return Verdict(name, Word.WRONG, _wrong(run, name, wrong))
    if outdated:
        text = f"{checks_of(outdated)} passed that had been expected to fail: remove the expectation"
        return Verdict(name, Word.OUTDATED, f"expectations out of date: {text}")
    if expected and _share_of_the_rest(results) >= VERIFIED_SHARE:
        return Verdict(name, Word.KNOWN_FAULTS, _known_faults(run, name, expected))
    if not run.is_verified(name):
        return Verdict(name, Word.UNVERIFIED, f"NOT VERIFIED: {undecided(results)}")
    if {r.check for r in results} == {_MEMORY}:
        return _memory_verdict(run, name)
    if partly(run, name):
        return Verdict(name, Word.PARTLY_CHECKED, f"partly checked: {_part_that_passed(run, name)}")
    verified = " for the ".join(filter(None, (f"verified{on_own_fields(run)}", scope(run, name))))
    about = [verified, *properties(run, name), *_undecided_claim(run, name)]
    return Verdict(name, Word.RIGHT, f"right: {', '.join(about)}")


def _wrong(run: Run, name: str, wrong: list[Result]) -> str:
    """Return the first fault, the number of others, and the number of checks that failed."""
    first, *others = faults(run, name)
    more = f"; {plural(len(others), 'more fault')}" if others else ""
    return f"wrong: {shorten(first.headline, REASON).rstrip('.')}{more}; {failures(wrong)}"


def _undecided_claim(run: Run, name: str) -> list[str]:
    """Return that a claimed growth of memory could be neither held nor refuted; none otherwise."""
    card = card_of(run, name)
    found = [r for r in run.of_layer(name) if r.check == _MEMORY and r.status is Status.INCONCLUSIVE]
    return [f"its memory claim ({card.memory}) not decided"] if card and card.memory and found else []


def _known_faults(run: Run, name: str, expected: list[Result]) -> str:
    text = f"known faults: {checks_of(expected)} failed as expected"
    if any(r.status is Status.PASSED for r in run.of_layer(name)):
        text += ", the rest passed" if partly(run, name) else ", the rest is verified"
    known = ", ".join([text, *properties(run, name)])
    return "; ".join(filter(None, (f"{known}{on_own_fields(run)}", scope(run, name))))


def _memory_verdict(run: Run, name: str) -> Verdict:
    """Return the verdict of a run that measured the growth of memory alone and violated no claim."""
    card = card_of(run, name)
    word = Word.NO_CLAIM if card is None or card.memory is None else Word.WITHIN_CLAIM
    law = shorten(facts_of(run.of_layer(name)).get("memory law", ""), MEASUREMENT)
    return Verdict(name, word, ", ".join(filter(None, (word, law))))


def _part_that_passed(run: Run, name: str) -> str:
    """Return the scope and the number of checks that passed, as a phrase."""
    passed = ", ".join([what_passed(run.of_layer(name)), *not_run(run, name), *properties(run, name)])
    return "; ".join(filter(None, (on_own_fields(run).strip(), scope(run, name), passed)))


def _share_of_the_rest(results: Iterable[Result]) -> float:
    """Return the passed share of the other results that apply; 1 if there are none."""
    judged = [r for r in results if r.status not in (*NOT_APPLICABLE, Status.XFAILED)]
    return sum(r.status is Status.PASSED for r in judged) / len(judged) if judged else 1.0
