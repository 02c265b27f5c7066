"""The verdict on a run, and the number of results of each status."""

from __future__ import annotations

from nodecheck.report.statuses import SYMBOLS, status_word
from nodecheck.report.words import Word, layer_names, verdict
from nodecheck.results import Run

_ALONE = {Word.OUTDATED: "An expectation is out of date", Word.KNOWN_FAULTS: "The layer has known faults"}
_PASSING = (Word.RIGHT, Word.PARTLY_CHECKED, Word.WITHIN_CLAIM)
# Phrases about one layer and about several, in the order in which they are reported.
_PHRASES = {
    Word.RIGHT: ("is right", "are right"),
    Word.PARTLY_CHECKED: ("is partly checked", "are partly checked"),
    Word.WITHIN_CLAIM: ("is within its memory claim", "are within their memory claims"),
    Word.KNOWN_FAULTS: ("has known faults", "have known faults"),
    Word.WRONG: ("is wrong", "are wrong"),
    Word.OUTDATED: ("has outdated expectations", "have outdated expectations"),
    Word.UNVERIFIED: ("is not verified", "are not verified"),
    Word.NOT_JUDGED: ("is not judged", "are not judged"),
}


def run_verdict(run: Run) -> str:
    """Return the verdict on the run: one phrase with the number of layers that are right."""
    found = [verdict(run, name).word for name in layer_names(run)]
    if not found:
        return "No layer could be loaded" if run.load_errors else "Nothing was run"
    if len(found) == 1:
        return _ALONE.get(found[0], f"The layer is {found[0].value}")
    best = next((word for word in _PASSING if word in found), Word.RIGHT)
    best_count = found.count(best)
    counted = f"{_number_of(best_count, len(found))} layers {_phrase(best, best_count)}"
    others = [(word, found.count(word)) for word in _PHRASES if word is not best and word in found]
    return ", ".join([counted, *(f"{n} {_phrase(word, n)}" for word, n in others)])


def _phrase(word: Word, count: int) -> str:
    one, several = _PHRASES[word]
    return several if count > 1 else one


def _number_of(good: int, total: int) -> str:
    if good == total:
        return "Both" if total == 2 else f"All {total}"
    return f"{good or 'None'} of {total}"


def totals(run: Run) -> str:
    """Return the number of results of each status, the worst first: 3 failed, 41 passed."""
    counts = [(run.count(s), status_word(s)) for s in SYMBOLS]
    return ", ".join(f"{n} {word}" for n, word in counts if n) or "no results"
