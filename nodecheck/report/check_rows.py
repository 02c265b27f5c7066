"""The results of a layer as rows of a table: what did not pass, what did, and what has no verdict."""

from __future__ import annotations

from dataclasses import dataclass

from nodecheck.report.statuses import NOT_APPLICABLE, SYMBOLS
from nodecheck.report.summary import Group, groups
from nodecheck.results import Run, Status


@dataclass(frozen=True)
class Idle:
    """The checks that were skipped, or are not supported, for one reason."""

    status: Status
    reason: str
    groups: list[Group]


def _idle(found: list[Group]) -> list[Idle]:
    by_reason: dict[tuple[Status, str], list[Group]] = {}
    for group in found:
        reason = group.first.reason or group.first.diagnosis
        by_reason.setdefault((group.first.status, reason), []).append(group)
    return [Idle(status, reason, members) for (status, reason), members in by_reason.items()]


@dataclass(frozen=True)
class Checks:
    """The results of a layer in groups: one result, or all that passed of one check, make a row."""

    name: str
    others: list[Group]
    passed: list[Group]
    idle: list[Idle]
    count: int  # of results that passed


def check_rows(run: Run, name: str, *, in_full: bool) -> Checks:
    """Return the results of a layer in groups, those that did not pass one by one."""
    rank = list(SYMBOLS)
    results = sorted(run.of_layer(name), key=lambda r: rank.index(r.status))
    passed = [r for r in results if r.status is Status.PASSED]
    idle = _idle(groups(results, *NOT_APPLICABLE))
    others = [Group((r,)) for r in results if r.status not in (Status.PASSED, *NOT_APPLICABLE)]
    rows = [Group((r,)) for r in passed] if in_full else groups(passed, Status.PASSED)
    return Checks(name, others, rows, idle, len(passed))
