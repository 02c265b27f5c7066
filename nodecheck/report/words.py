"""The verdict on a layer and on a run, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from nodecheck.report.numbers import number, plural, sentence, shorten, span
from nodecheck.results import NOT_REACHED, VERIFIED_SHARE, Result, Run, Status

__all__ = ["Verdict", "Word", "layer_names", "number", "run_verdict", "sentence", "totals", "verdict"]

# The order in which statuses are told, the worst first, with the symbol that stands beside each word.
SYMBOLS = {
    Status.FAILED: "✗",
    Status.ERROR: "!",
    Status.XPASSED: "↑",
    Status.INCONCLUSIVE: "?",
    Status.XFAILED: "~",
    Status.PASSED: "✓",
    Status.UNSUPPORTED: "–",
    Status.SKIPPED: "·",
}
STATUS_WORDS = {
    Status.XFAILED: "failed as expected",
    Status.XPASSED: "passed unexpectedly",
}
WRONG = (Status.FAILED, Status.ERROR)
NOT_APPLICABLE = (Status.SKIPPED, Status.UNSUPPORTED)


class Word(StrEnum):
    """The verdict on a layer, in one word."""

    RIGHT = "right"
    PARTIAL = "partly checked"
    WITHIN = "within its memory claim"
    APART = "known faults"
    OUTDATED = "expectations out of date"
    UNVERIFIED = "NOT VERIFIED"
    UNREACHED = "not judged"
    WRONG = "wrong"


WORD_SYMBOLS = {
    Word.RIGHT: "✓",
    Word.PARTIAL: "✓",
    Word.WITHIN: "✓",
    Word.APART: "~",
    Word.OUTDATED: "↑",
    Word.UNVERIFIED: "?",
    Word.UNREACHED: "✗",
    Word.WRONG: "✗",
}
_ADAPTER = "adapter"  # the check that stands between nodecheck and a layer: its failure is not the layer's
_MEMORY = "memory-law"


@dataclass(frozen=True)
class Verdict:
    """What is said of a layer: one word, and a sentence that contains it."""

    layer: str
    word: Word
    text: str

    @property
    def symbol(self) -> str:
        """The mark that stands beside the word, so that colour never stands alone."""
        return WORD_SYMBOLS[self.word]

    @property
    def verb(self) -> str:
        """What joins the layer and the sentence."""
        return "has" if self.word in (Word.OUTDATED, Word.APART) else "is"


def status_word(status: Status) -> str:
    """Return a status as a reader sees it."""
    return STATUS_WORDS.get(status, status.value)


def layer_names(run: Run) -> tuple[str, ...]:
    """Return every layer that has a card or a result, in order of appearance."""
    return tuple(dict.fromkeys([card.name for card in run.layers] + [r.layer for r in run.results]))


def facts_of(results: Iterable[Result]) -> dict[str, str]:
    """Return what was measured about a layer; where problems differ, the range."""
    seen: dict[str, list[str]] = {}
    for result in results:
        for key, value in result.facts.items():
            seen.setdefault(key, []).append(value)
    return {key: span(values) for key, values in seen.items()}


def verdict(run: Run, name: str) -> Verdict:
    """Return the verdict on one layer; where checks were left out, it says how many."""
    found = _verdict(run, name)
    if not run.left_out(name) or found.word in (Word.PARTIAL, Word.WITHIN):
        return found
    left = plural(len(run.left_out(name)), "other check")
    return replace(found, text=f"{found.text}; {left} not run")


def _verdict(run: Run, name: str) -> Verdict:
    """Return the verdict that the results give."""
    results = run.of_layer(name)
    wrong = [r for r in results if r.status in WRONG]
    expected = [r for r in results if r.status is Status.XFAILED]
    outdated = [r for r in results if r.status is Status.XPASSED]
    if any(r.check == _ADAPTER and r.status is Status.FAILED for r in wrong):
        return Verdict(name, Word.UNREACHED, "not judged: its adapter has to be mended first")
    if wrong:
        return Verdict(name, Word.WRONG, f"wrong: {_failures(wrong)}, first: {_first(wrong[0])}")
    if outdated:
        text = f"{_checks(outdated)} passed that had been expected to fail: remove the expectation"
        return Verdict(name, Word.OUTDATED, f"expectations out of date: {text}")
    if expected and _rest(results) >= VERIFIED_SHARE:
        apart = f"known faults: {_checks(expected)} failed as expected"
        rest = "the rest passed" if _not_run(run, name) else "the rest is verified"
        told = [rest] if any(r.status is Status.PASSED for r in results) else []
        return Verdict(name, Word.APART, ", ".join([apart, *told, *_properties(run, name)]))
    if run.is_verified(name) and {r.check for r in results} == {_MEMORY}:
        law = shorten(facts_of(results).get("memory law", ""), 80)
        return Verdict(name, Word.WITHIN, ", ".join(filter(None, (Word.WITHIN, law))))
    if run.is_verified(name) and _not_run(run, name):
        text = f"partly checked: {_passed(results)}"
        return Verdict(name, Word.PARTIAL, ", ".join([text, *_not_run(run, name), *_properties(run, name)]))
    if run.is_verified(name):
        return Verdict(name, Word.RIGHT, f"right: {', '.join(['verified', *_properties(run, name)])}")
    return Verdict(name, Word.UNVERIFIED, f"NOT VERIFIED: {_undecided(results)}")


def _not_run(run: Run, name: str) -> list[str]:
    """Return how many checks were left out of a layer, and how many results were not reached."""
    left_out, unreached = run.left_out(name), sum(r.reason == NOT_REACHED for r in run.of_layer(name))
    parts = [f"{plural(len(left_out), 'other')} not run"] if left_out else []
    return parts + ([f"interrupted before {plural(unreached, 'result')}"] if unreached else [])


def _rest(results: Iterable[Result]) -> float:
    """Return the passed share of what applies and was not expected to fail; 1 where there is no such rest."""
    judged = [r for r in results if r.status not in (*NOT_APPLICABLE, Status.XFAILED)]
    return sum(r.status is Status.PASSED for r in judged) / len(judged) if judged else 1.0


def _undecided(results: tuple[Result, ...]) -> str:
    applicable = [r for r in results if r.status not in NOT_APPLICABLE]
    if not applicable:
        reason = next((r.reason for r in results if r.reason), "")
        return "nothing was decided" + (f" ({shorten(reason, 120)})" if reason else "")
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
    """Return how many checks passed and, of those, that some results are inconclusive."""
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
    """Return what went wrong first: what was refuted, or what was raised and where."""
    raised = (result.reason or result.diagnosis).strip().split("\n")[-1]
    if result.status is Status.ERROR and raised:
        return f"{shorten(raised, 160).rstrip('.')} (in {shorten(result.check)})"
    return statement(result)


def statement(result: Result) -> str:
    """Return what a failed result says; an error leaves open whether its title holds."""
    if result.status is Status.ERROR:
        return f"{shorten(result.check)} ended in an error"
    return shorten(result.title or result.check, 200).rstrip(".")


def _properties(run: Run, name: str) -> list[str]:
    """Return the measured order and gradient class beside what was claimed."""
    facts = facts_of(run.of_layer(name))
    card = next((c for c in run.layers if c.name == name), None)
    parts = []
    if "order" in facts:
        claimed = f" (claimed {card.order})" if card is not None and card.order is not None else ""
        parts.append(f"forward order {shorten(facts['order'], 40)}{claimed}")
    if "gradient class" in facts:
        parts.append(f"gradient {shorten(facts['gradient class'], 80)}")
    return parts


def run_verdict(run: Run) -> str:
    """Return the verdict on the run: one phrase that names how many layers are right."""
    found = [verdict(run, name).word for name in layer_names(run)]
    if not found:
        return "No layer could be loaded" if run.load_errors else "Nothing was run"
    if len(found) == 1:
        alone = {Word.OUTDATED: "An expectation is out of date", Word.APART: "The layer has known faults"}
        return alone.get(found[0], f"The layer is {found[0].value}")
    total, passing = len(found), (Word.RIGHT, Word.PARTIAL, Word.WITHIN)
    best = next((word for word in passing if word in found), Word.RIGHT)
    others = (
        *((found.count(word), f"is {word.value}", _several(word)) for word in passing if word is not best),
        (found.count(Word.APART), "has known faults", "have known faults"),
        (found.count(Word.WRONG), "is wrong", "are wrong"),
        (found.count(Word.OUTDATED), "has outdated expectations", "have outdated expectations"),
        (found.count(Word.UNVERIFIED), "is not verified", "are not verified"),
        (found.count(Word.UNREACHED), "is not judged", "are not judged"),
    )
    count = found.count(best)
    parts = [f"{_number_of(count, total)} layers {_several(best) if count > 1 else f'is {best.value}'}"]
    return ", ".join(parts + [f"{n} {one if n == 1 else many}" for n, one, many in others if n])


def _several(word: Word) -> str:
    """Return what is said of several layers with the same verdict."""
    return f"are {'within their memory claims' if word is Word.WITHIN else word.value}"


def _number_of(good: int, total: int) -> str:
    if good == total:
        return "Both" if total == 2 else f"All {total}"
    return f"{good or 'None'} of {total}"


def totals(run: Run) -> str:
    """Return how many results have each status, the worst first: 3 failed, 41 passed."""
    counts = [(run.count(s), status_word(s)) for s in SYMBOLS]
    return ", ".join(f"{n} {word}" for n, word in counts if n) or "no results"
