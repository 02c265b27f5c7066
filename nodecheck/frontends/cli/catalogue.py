"""The lists of checks, layers, problems and mutants, and the page of a check, as text."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nodecheck.checks import Check
    from nodecheck.results import LayerCard

_BOUNDS = {
    "identity": "an identity, held to a multiple of eps and of the operation count",
    "order": "a rate over a refinement ladder or a tolerance sweep",
    "resource": "a growth law, fitted over the number of steps",
    "contract": "a count of violations, held to zero",
}

_ASKED_OF = {
    "times": 'layers with output times, and layers with "time-gradients" in `supports`',
    "member-times": 'layers with "member-times" in `supports`',
    "device": "layers on a CUDA device (--device cuda)",
}


def listing(what: str) -> Iterator[tuple[str, str]]:
    """Yield a name and a sentence for each of the "checks", "layers", "problems" or "mutants"."""
    from nodecheck.targets.imports import why_no_torch

    # Only what is listed is imported: mutants need torch, and nothing else here does.
    if what == "checks":
        from nodecheck.checks import CHECKS

        yield from ((check.id, check.title) for check in CHECKS)
    elif what == "layers":
        yield from _targets()
    elif what == "mutants":
        if reason := why_no_torch():
            click.echo(f"Error: {reason}", err=True)
            sys.exit(3)
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


def layers_of(targets: Sequence[str], patterns: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the name of each layer of some targets, and what it claims; see `chosen_layers`."""
    from nodecheck.frontends.cli.arguments import interruptible, report_load_errors, usage_errors
    from nodecheck.options.layer_names import chosen_layers, restricted
    from nodecheck.options.settings import in_bytes
    from nodecheck.runner.children import describe

    with interruptible(), usage_errors():
        wanted = restricted(targets, patterns)
        loaded = describe(wanted, in_bytes(None))
        report_load_errors(loaded, debug=False)
        cards = chosen_layers(loaded.layers, wanted, patterns, complete=loaded.complete)
    for reason in loaded.missing.values():
        click.echo(f"skipped: {reason}", err=True)
    yield from ((card.name, _claims(card)) for card in cards)
    if loaded.load_errors:
        sys.exit(3)


def _claims(card: LayerCard) -> str:
    """Return the kind of a layer and its claims."""
    claims = {"order": card.order, "adjoint": card.adjoint, "memory": card.memory, "tableau": card.tableau}
    said = (f"{name} {value}" for name, value in claims.items() if value is not None)
    return ", ".join(("adaptive" if card.resolution == "tol" else "fixed-step", *said))


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
    asked_of = _ASKED_OF.get(check.asked_of, f"{check.asked_of} layers")
    yield f"Bound: {_BOUNDS[check.kind]}.\nApplies to: {asked_of}."
    for problem in (*check.problems, *(problem for _, problem in check.more)):
        yield f"Problem {problem.name}\n  shows {problem.reveals}\n  cannot see {problem.blind_to}"
    yield f"Source: {check.cite}"
