"""The lists of checks, layers, problems and mutants, and the page of a check, as text."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodecheck.checks import Check

_BOUNDS = {
    "identity": "an identity, held to a multiple of eps and of the operation count",
    "order": "a rate over a refinement ladder or a tolerance sweep",
    "resource": "a growth law, fitted over the number of steps",
    "contract": "a count of violations, held to zero",
}


def listing(what: str) -> Iterator[tuple[str, str]]:
    """Yield a name and a sentence for each of the "checks", "layers", "problems" or "mutants"."""
    # Only what is listed is imported: mutants need torch, and nothing else here does.
    if what == "checks":
        from nodecheck.checks import CHECKS

        yield from ((check.id, check.title) for check in CHECKS)
    elif what == "layers":
        yield from _targets()
    elif what == "mutants":
        from nodecheck.mutants import MUTANTS

        yield from ((mutant.name, mutant.summary) for mutant in MUTANTS)
    else:
        from nodecheck.problems import PROBLEMS

        yield from ((problem.name, f"shows {problem.reveals}") for problem in PROBLEMS)


def _targets() -> Iterator[tuple[str, str]]:
    """Yield nodecheck's own targets, and those of other packages, with those that one of our own hides."""
    from nodecheck.targets.entry_points import extensions
    from nodecheck.targets.registry import REGISTERED

    yield from ((target.name, target.summary) for target in REGISTERED)
    own = {target.name for target in REGISTERED}
    for other in extensions():
        hidden = (
            f", hidden by nodecheck's own {other.name}: write {other.object}" if other.name in own else ""
        )
        yield other.name, f"{other.object}, registered by {other.package}{hidden}"


def page(check_id: str) -> str:
    """Return the page of a check; for an id that was given up, the pages of the checks that took its place.

    Raises
    ------
    KeyError
        If there is no such check; the message names the nearest.
    """
    from nodecheck.checks import ALIASES, CHECKS

    checks = {check.id: check for check in CHECKS}
    if check_id in ALIASES:
        current = list(dict.fromkeys(name.partition(":")[0] for name in ALIASES[check_id]))
        found = f"{check_id} is part of {' and '.join(current)} now."
        return "\n\n".join((found, *map(page, current)))
    if check_id not in checks:
        near = difflib.get_close_matches(check_id, checks, n=1)
        hint = f"did you mean {near[0]}?" if near else "`nodecheck list checks` names them"
        message = f"expected the id of a check, got {check_id!r}; {hint}"
        raise KeyError(message)
    return "\n\n".join(_paragraphs(checks[check_id]))


def _paragraphs(check: Check) -> Iterator[str]:
    yield f"{check.id}\n{'=' * len(check.id)}"
    yield check.page
    yield f"Passes as: {check.title}.\nFails as:  {check.failure_title}."
    yield f"Bound: {_BOUNDS[check.kind]}.\nApplies to: {check.asked_of} layers."
    for problem in (*check.problems, *(problem for _, problem in check.more)):
        yield f"Problem {problem.name}\n  shows {problem.reveals}\n  cannot see {problem.blind_to}"
    yield f"Source: {check.cite}"
