"""Runs of earlier versions, whose checks had other ids."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from nodecheck.report.statuses import WRONG
from nodecheck.results import Result, Run


def with_current_ids(before: Run, after: Run, aliases: Mapping[str, Sequence[str]]) -> Run:
    """Return an earlier run with the ids of a later one.

    The results of a former check become those of the check that it was merged into, on the same layer; where
    several become one, the one that went wrong stands for all.  Results without a successor in the later run
    are left out: their check is no longer asked of such a layer.

    Parameters
    ----------
    aliases
        Former ids, with the ids of checks that they are now, each with a shell pattern for the names of its
        problems where not all of them are meant.
    """
    if not any(result.check in aliases for result in before.results):
        return before
    found: dict[str, Result] = {}
    for result in before.results:
        for named in _successors(result, after, aliases):
            known = found.get(named.id)
            if known is None or (named.status in WRONG and known.status not in WRONG):
                found[named.id] = named
    checks = {id_: kind for id_, kind in before.checks.items() if id_ not in aliases}
    return replace(before, results=tuple(found.values()), checks=checks)


def _successors(result: Result, after: Run, aliases: Mapping[str, Sequence[str]]) -> Iterator[Result]:
    """Yield the result itself if its check still has its id, else its successors."""
    if result.check not in aliases:
        yield result
        return
    for alias in aliases[result.check]:
        check, _, pattern = alias.partition(":")
        for new in after.of_layer(result.layer):
            if new.check == check and fnmatch.fnmatchcase(new.problem, pattern or "*"):
                yield replace(result, check=check, problem=new.problem)
