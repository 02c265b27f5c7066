"""The scope of two runs: results that only one of them has, and settings in which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nodecheck.report.differences import Change, Difference
from nodecheck.report.limits import MOST_NAMES, REASON
from nodecheck.report.numbers import shorten
from nodecheck.report.statuses import WRONG
from nodecheck.results import Result, Run, Status
from nodecheck.results.phrases import plural

PASSES = (Status.PASSED, Status.XPASSED)
DECIDED = (*PASSES, *WRONG, Status.XFAILED)


def left_out(run: Run) -> dict[str, tuple[str, ...]]:
    """Return for each layer the checks of the profile that the run was not asked for."""
    return {card.name: run.left_out(card.name) for card in run.layers}


def missing(before: Run, after: Run) -> Iterator[Difference]:
    """Yield the results that are gone and were not left out.

    A whole layer, or a check of all layers, is one difference.
    """
    there, layers = {r.id for r in after.results}, {r.layer for r in after.results}
    checks = {r.check for r in after.results}
    not_asked = left_out(after)
    gone = [
        r
        for r in before.results
        if r.id not in there and r.status in DECIDED and r.check not in not_asked.get(r.layer, ())
    ]
    by_place: dict[tuple[str, str, str], list[Result]] = {}
    for r in gone:
        if r.layer not in layers:
            place = (r.layer, "", "")
        else:
            place = (r.layer, r.check, r.problem) if r.check in checks else ("", r.check, "")
        by_place.setdefault(place, []).append(r)
    for place, results in by_place.items():
        verb = "is" if len(results) == 1 else "are"
        subject = "this result" if place[2] else plural(len(results), "result")
        yield Difference(Change.LOST, *place, f"{subject} {verb} not in the later run")


def notes(before: Run, after: Run) -> Iterator[str]:
    """Yield the settings and the scope in which two runs differ: their numbers may depend on these."""
    yield from _settings(before, after)
    yield from _dtypes(before, after)
    if before.seed != after.seed:
        yield f"the seed was {before.seed}, is {after.seed}: orders and errors are not compared"
    for when, run, other in (("earlier", before, "later"), ("later", after, "earlier")):
        checks = _not_asked(run, after if run is before else before)
        if checks:
            names = ", ".join(map(shorten, checks[:MOST_NAMES]))
            more = f" and {len(checks) - MOST_NAMES} more" if len(checks) > MOST_NAMES else ""
            count = plural(len(checks), "check")
            yield f"the {when} run left out {count} that the {other} one has: {names}{more}"
        if run.results and not any(r.metrics for r in run.results):
            yield f"the {when} run holds no numbers to compare: only verdicts are compared"
        yield from (f"the {when} run: {shorten(warning, REASON)}" for warning in run.warnings)


def _settings(before: Run, after: Run) -> Iterator[str]:
    old, new = _environment(before), _environment(after)
    for name in dict.fromkeys([*old, *new]):
        was, now = old.get(name, "none"), new.get(name, "none")
        if was != now:
            yield f"{shorten(name)} was {shorten(was) or 'unknown'}, is {shorten(now) or 'unknown'}"


def _dtypes(before: Run, after: Run) -> Iterator[str]:
    """Yield the layers that ran in another dtype: their orders may be the same, their errors are not."""
    old = {card.name: card.dtype for card in before.layers}
    for card in after.layers:
        if card.dtype != old.get(card.name, card.dtype):
            yield f"{shorten(card.name)} ran in {old[card.name]}, runs in {card.dtype}"


def _environment(run: Run) -> Mapping[str, str]:
    return {"nodecheck": run.nodecheck_version, "the profile": run.profile, **run.environment}


def _not_asked(run: Run, other: Run) -> tuple[str, ...]:
    """Return the checks that a run left out of a layer of which the other run has results."""
    not_asked = left_out(run)
    return tuple(dict.fromkeys(r.check for r in other.results if r.check in not_asked.get(r.layer, ())))
