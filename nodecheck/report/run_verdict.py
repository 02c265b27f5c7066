"""The verdict on a run, and the number of results of each status."""

from __future__ import annotations

from nodecheck.report.own_fields import on_own_fields
from nodecheck.report.statuses import SYMBOLS, status_word
from nodecheck.report.words import Verdict, Word, layer_names, verdict
from nodecheck.results import Run

_ALONE = {
    Word.OUTDATED: "An expectation is out of date",
    Word.KNOWN_FAULTS: "The layer has known faults",
    Word.NO_CLAIM: "The layer has no memory claim",
}
# Phrases about one layer and about several, in the order in which they are reported: the worst first.
_PHRASES = {
    Word.WRONG: ("is wrong", "are wrong"),
    Word.COULD_NOT_RUN: ("could not be run in full", "could not be run in full"),
    Word.NOT_JUDGED: ("is not judged", "are not judged"),
    Word.OUTDATED: ("has outdated expectations", "have outdated expectations"),
    Word.UNVERIFIED: ("is not verified", "are not verified"),
    Word.KNOWN_FAULTS: ("has known faults", "have known faults"),
    Word.PARTLY_CHECKED: ("is partly checked", "are partly checked"),
    Word.WITHIN_CLAIM: ("is within its memory claim", "are within their memory claims"),
    Word.NO_CLAIM: ("has no memory claim", "have no memory claim"),
    Word.RIGHT: ("is right", "are right"),
}


def run_verdict(run: Run) -> str:
    """Return the verdict on the run: one phrase with the number of layers for each word, the worst first."""
    return f"{_run_verdict(run)}{on_own_fields(run) if layer_names(run) else ''}"


def _run_verdict(run: Run) -> str:
    found = [verdict(run, name) for name in layer_names(run)]
    if not found:
        return "No layer could be loaded" if run.load_errors else "Nothing was run"
    if len(found) == 1:
        return _about_one(found[0])
    words = [one.word for one in found]
    counts = [(word, words.count(word)) for word in _PHRASES if word in words]
    (worst, first), *others = counts
    start = f"{_number_of(first, len(words))} layers {_phrase(worst, first)}"
    return ", ".join([start, *(f"{n} {_phrase(word, n)}" for word, n in others)])


def _about_one(found: Verdict) -> str:
    if found.word is Word.COULD_NOT_RUN:
        return f"The layer {found.text.partition(':')[0].partition(',')[0]}"  # it tells in how many checks
    return _ALONE.get(found.word, f"The layer is {found.word.value}")


def _phrase(word: Word, count: int) -> str:
    one, several = _PHRASES[word]
    return several if count > 1 else one


def _number_of(count: int, total: int) -> str:
    if count == total:
        return "Both" if total == 2 else f"All {total}"
    return f"{count} of {total}"


def totals(run: Run) -> str:
    """Return the number of results of each status, the worst first: 3 failed, 41 passed."""
    counts = [(run.count(s), status_word(s)) for s in SYMBOLS]
    return ", ".join(f"{n} {word}" for n, word in counts if n) or "no results"
