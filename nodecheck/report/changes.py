"""The comparison of two runs: verdicts that changed, and metrics that got better or worse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nodecheck.report.differences import Change, Changes, Difference
from nodecheck.report.limits import REASON
from nodecheck.report.metric_changes import change_text, common_metrics, is_worse
from nodecheck.report.numbers import sentence, shorten
from nodecheck.report.run_scope import DECIDED, PASSES, left_out, missing, notes
from nodecheck.report.statuses import WRONG, statement, status_word
from nodecheck.results import Result, Run, Status

__all__ = ["Change", "Changes", "Difference", "compare"]


def compare(before: Run, after: Run) -> Changes:
    """Return the differences; two results are compared if layer, check and problem are the same."""
    old = {r.id: r for r in before.results}
    pairs = [(old.get(r.id), r) for r in after.results]
    both = [(a, b) for a, b in pairs if a is not None]
    return Changes(
        (*_targets(before, after), *_verdicts(before, pairs), *_metrics(both), *missing(before, after)),
        tuple(notes(before, after)),
        (before.profile, before.nodecheck_version) == (after.profile, after.nodecheck_version),
        len(both),
        sum(len(common_metrics(a, b)) for a, b in both),
    )


def _targets(before: Run, after: Run) -> Iterator[Difference]:
    for target, message in after.load_errors.items():
        change = Change.STILL if target in before.load_errors else Change.BROKEN
        yield Difference(change, target, "", "", f"could not be loaded: {shorten(message, REASON)}")
    asked = {target.partition("::")[0] for target in after.targets}  # without patterns for layers
    for target in before.load_errors:
        if target in asked and target not in after.load_errors:
            yield Difference(Change.FIXED, target, "", "", "can be loaded again")


def _verdicts(earlier: Run, pairs: Sequence[tuple[Result | None, Result]]) -> Iterator[Difference]:
    not_asked = left_out(earlier)
    for before, after in pairs:
        change = _change(before.status if before else None, after.status)
        untried = before is None and after.check in not_asked.get(after.layer, ())
        if change is Change.BROKEN and untried:
            change = Change.UNTRIED
        if change is not None:
            text, absent = _new_status(after), "not run before" if untried else "not there before"
            if before is None or before.status is not after.status:
                text = f"{status_word(before.status) if before else absent}, now {text}"
            brief = statement(after) if change is Change.STILL else ""
            yield Difference(change, after.layer, after.check, after.problem, text, brief)


def _change(before: Status | None, after: Status) -> Change | None:
    """Return the kind of change between two statuses; None for a change without importance."""
    if after in WRONG:
        return Change.STILL if before in WRONG else Change.BROKEN
    if after in PASSES:
        return Change.FIXED if before in (*WRONG, Status.XFAILED) else None
    if after is Status.XFAILED:
        return Change.EXPECTED if before is not Status.XFAILED else None
    if after is Status.UNSUPPORTED and before in WRONG:
        return Change.FIXED  # what was silently wrong is refused with an error
    return Change.LOST if before in DECIDED else None


def _new_status(result: Result) -> str:
    """Return the status with the reason for it."""
    word = status_word(result.status)
    if result.status in WRONG:
        numbers = [f"{shorten(m.name)}: {sentence(m)}" for m in result.violated[:1]]
        cause = result.diagnosis if result.status is Status.FAILED else result.reason or result.diagnosis
        causes = [shorten(cause, REASON)] if cause else []
        return ". ".join([f"{word}: {statement(result)}", *numbers, *causes])
    if result.status is Status.XPASSED:
        return f"{word}: remove the expectation"
    why = result.expected if result.status is Status.XFAILED else result.reason
    return f"{word}: {shorten(why, REASON)}" if why else word


def _metrics(pairs: Sequence[tuple[Result, Result]]) -> Iterator[Difference]:
    """Yield the metrics that changed where both results passed: a failure has its own difference."""
    for before, after in pairs:
        if before.status not in PASSES or after.status not in PASSES:
            continue
        for old, new in common_metrics(before, after):
            for change, a, b in ((Change.WORSE, old, new), (Change.BETTER, new, old)):
                if is_worse(new.quantity, a.value, b.value):
                    yield Difference(change, after.layer, after.check, after.problem, change_text(old, new))
