"""What nodecheck has to offer, as text: checks, layers, problems, mutants, and a page for each check."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from nodecheck.checks import CHECKS, Check
from nodecheck.mutants import MUTANTS
from nodecheck.problems import PROBLEMS
from nodecheck.targets.entry_points import extensions
from nodecheck.targets.registry import REGISTERED


def listing(what: str) -> Iterator[tuple[str, str]]:
    """Yield a name and a sentence for each of the "checks", "layers", "problems" or "mutants"."""
    if what == "checks":
        yield from ((check.id, check.title) for check in CHECKS)
    elif what == "layers":
        yield from ((target.name, target.summary) for target in REGISTERED)
        yield from _extensions()
    elif what == "mutants":
        yield from ((mutant.name, mutant.summary) for mutant in MUTANTS)
    else:
        yield from ((problem.name, f"shows {problem.reveals}") for problem in PROBLEMS)


def _extensions() -> Iterator[tuple[str, str]]:
    """Yield the targets that other packages register, and say which are hidden by one of our own."""
    own = {target.name for target in REGISTERED}
    for other in extensions():
        hidden = (
            f", hidden by nodecheck's own {other.name}: write {other.object}" if other.name in own else ""
        )
        yield other.name, f"{other.object}, registered by {other.package}{hidden}"


def page(check_id: str) -> str:
    """Return the page of a check.

    Raises
    ------
    KeyError
        If there is no such check; the message names the nearest.
    """
    checks = {check.id: check for check in CHECKS}
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
    bounds = {
        "identity": "an identity, held to a multiple of eps and of the operation count",
        "order": "a rate over a refinement ladder or a tolerance sweep",
        "resource": "a growth law, fitted over the number of steps",
        "contract": "a count of violations, held to zero",
    }
    yield f"Bound: {bounds[check.kind]}.\nApplies to: {check.applies_to} layers."
    for problem in check.problems:
        yield f"Problem {problem.name}\n  shows {problem.reveals}\n  cannot see {problem.blind_to}"
    yield f"Source: {check.cite}"
