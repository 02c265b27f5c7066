"""What changed from one run to another: verdicts, and the numbers behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from nodecheck.report.moves import in_common, moved, worse
from nodecheck.report.numbers import plural, sentence, shorten
from nodecheck.report.words import WRONG, statement, status_word
from nodecheck.results import Result, Run, Status

_PASSES = (Status.PASSED, Status.XPASSED)
_DECIDED = (*_PASSES, *WRONG, Status.XFAILED)
_MOST_NAMED = 6  # checks in a note


class Change(StrEnum):
    """What became of a result, the worst first."""

    BROKEN = "newly failing"
    UNTRIED = "failing (not run before)"
    WORSE = "worse, though passing"
    LOST = "no longer decided"
    EXPECTED = "now failing as expected"
    STILL = "still failing"
    FIXED = "fixed"
    BETTER = "better"


@dataclass(frozen=True)
class Difference:
    """One change; `check` or `problem` is empty where it is about all of them."""

    change: Change
    layer: str
    check: str
    problem: str
    text: str


@dataclass(frozen=True)
class Changes:
    """Everything that changed between two runs.

    Attributes
    ----------
    differences
        The changes, in the order of the later run; what is gone comes last.
    notes
        In what the two runs differ besides their results: why some numbers may not be comparable.
    alike
        Whether profile and version are the same, so that nothing may be missing.
    results, numbers
        How many of each were compared.
    """

    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    alike: bool
    results: int
    numbers: int

    def of(self, change: Change) -> tuple[Difference, ...]:
        """Return the differences of one kind."""
        return tuple(d for d in self.differences if d.change is change)

    @property
    def regressed(self) -> bool:
        """Whether anything got worse, or may have: what is missing counts if nothing explains it."""
        bad = {Change.BROKEN, Change.UNTRIED, Change.WORSE} | ({Change.LOST} if self.alike else set())
        return any(d.change in bad for d in self.differences)


def compare(before: Run, after: Run) -> Changes:
    """Return what changed; a result is the same if layer, check and problem are."""
    old = {r.id: r for r in before.results}
    pairs = [(old.get(r.id), r) for r in after.results]
    both = [(a, b) for a, b in pairs if a is not None]
    return Changes(
        (*_targets(before, after), *_verdicts(before, pairs), *_numbers(both), *_missing(before, after)),
        tuple(_notes(before, after)),
        (before.profile, before.nodecheck_version) == (after.profile, after.nodecheck_version),
        len(both),
        sum(len(in_common(a, b)) for a, b in both),
    )


def _targets(before: Run, after: Run) -> Iterator[Difference]:
    for target, message in after.load_errors.items():
        change = Change.STILL if target in before.load_errors else Change.BROKEN
        yield Difference(change, target, "", "", f"could not be loaded: {shorten(message, 200)}")
    for target in before.load_errors:
        if target in after.targets and target not in after.load_errors:
            yield Difference(Change.FIXED, target, "", "", "can be loaded again")


def _verdicts(earlier: Run, pairs: list[tuple[Result | None, Result]]) -> Iterator[Difference]:
    left_out = _left_out(earlier)
    for before, after in pairs:
        change = _change(before.status if before else None, after.status)
        untried = before is None and after.check in left_out.get(after.layer, ())
        if change is Change.BROKEN and untried:
            change = Change.UNTRIED
        if change is not None:
            text, absent = _now(after), "not run before" if untried else "not there before"
            if before is None or before.status is not after.status:
                text = f"{status_word(before.status) if before else absent}, now {text}"
            yield Difference(change, after.layer, after.check, after.problem, text)


def _change(before: Status | None, after: Status) -> Change | None:
    """Return what a pair of statuses means; None where nothing changed that matters."""
    if after in WRONG:
        return Change.STILL if before in WRONG else Change.BROKEN
    if after in _PASSES:
        return Change.FIXED if before in (*WRONG, Status.XFAILED) else None
    if after is Status.XFAILED:
        return Change.EXPECTED if before is not Status.XFAILED else None
    return Change.LOST if before in _DECIDED else None


def _now(result: Result) -> str:
    """Return the new status with what is behind it."""
    word = status_word(result.status)
    if result.status in WRONG:
        numbers = [f"{shorten(m.name)}: {sentence(m)}" for m in result.violated[:1]]
        cause = result.diagnosis if result.status is Status.FAILED else result.reason or result.diagnosis
        return ". ".join(
            [f"{word}: {statement(result)}", *numbers, *([shorten(cause, 300)] if cause else [])]
        )
    if result.status is Status.XPASSED:
        return f"{word}: remove the expectation"
    why = result.expected if result.status is Status.XFAILED else result.reason
    return f"{word}: {shorten(why, 200)}" if why else word


def _numbers(pairs: list[tuple[Result, Result]]) -> Iterator[Difference]:
    """Yield the numbers that changed where the verdict did not: a failure says enough by itself."""
    for before, after in pairs:
        if before.status not in _PASSES or after.status not in _PASSES:
            continue
        for old, new in in_common(before, after):
            for change, a, b in ((Change.WORSE, old, new), (Change.BETTER, new, old)):
                if worse(new.quantity, a.value, b.value):
                    yield Difference(change, after.layer, after.check, after.problem, moved(old, new))


def _missing(before: Run, after: Run) -> Iterator[Difference]:
    """Yield what is gone and was not left out: a whole layer, a check of all layers, or single results."""
    there, layers = {r.id for r in after.results}, {r.layer for r in after.results}
    checks = {r.check for r in after.results}
    left_out = _left_out(after)
    decided = [r for r in before.results if r.id not in there and r.status in _DECIDED]
    gone = [r for r in decided if r.check not in left_out.get(r.layer, ())]
    told: dict[tuple[str, str, str], list[Result]] = {}
    for r in gone:
        whole_layer, whole_check = r.layer not in layers, r.check not in checks
        key = (
            (r.layer, "", "")
            if whole_layer
            else ("", r.check, "")
            if whole_check
            else (r.layer, r.check, r.problem)
        )
        told.setdefault(key, []).append(r)
    for (layer, check, problem), results in told.items():
        what = "this result is" if problem else f"{plural(len(results), 'result')} {_is(len(results))}"
        yield Difference(Change.LOST, layer, check, problem, f"{what} not in the later run")


def _left_out(run: Run) -> dict[str, tuple[str, ...]]:
    """Return for each layer the checks of the profile that the run was not asked for."""
    return {card.name: run.left_out(card.name) for card in run.layers}


def _partial(run: Run, other: Run) -> tuple[str, ...]:
    """Return the checks that a run left out of a layer of which the other run has results."""
    left_out = _left_out(run)
    return tuple(dict.fromkeys(r.check for r in other.results if r.check in left_out.get(r.layer, ())))


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _notes(before: Run, after: Run) -> Iterator[str]:
    """Yield in what two runs differ that their numbers may depend on."""
    for name, old, new in (
        ("nodecheck", before.nodecheck_version, after.nodecheck_version),
        ("the profile", before.profile, after.profile),
        *(
            (key, before.environment.get(key, "none"), after.environment.get(key, "none"))
            for key in dict.fromkeys([*before.environment, *after.environment])
        ),
    ):
        if old != new:
            yield f"{shorten(name)} was {shorten(old) or 'unknown'}, is {shorten(new) or 'unknown'}"
    if before.seed != after.seed:
        yield f"the seed was {before.seed}, is {after.seed}: orders and errors are not compared"
    for when, run, other in (("earlier", before, "later"), ("later", after, "earlier")):
        checks = _partial(run, after if run is before else before)
        if checks:
            names = ", ".join(map(shorten, checks[:_MOST_NAMED]))
            more = f" and {len(checks) - _MOST_NAMED} more" if len(checks) > _MOST_NAMED else ""
            count = plural(len(checks), "check")
            yield f"the {when} run left out {count} that the {other} one has: {names}{more}"
        if run.results and not any(r.metrics for r in run.results):
            yield f"the {when} run holds no numbers to compare: only verdicts are"
        yield from (f"the {when} run: {shorten(warning, 200)}" for warning in run.warnings)
