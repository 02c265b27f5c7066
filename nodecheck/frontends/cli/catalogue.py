"""The lists of checks, themes, layers, problems and mutants, as text."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nodecheck.results import LayerCard


def listing(what: str) -> Iterator[tuple[str, str]]:
    """Yield a name and a sentence for each of the "checks", "themes", "layers", "problems" or "mutants".

    Only what is listed is imported, and torch never.
    """
    if what == "checks":
        from nodecheck.checks import CHECKS
        from nodecheck.checks.themes import themes_of

        yield from ((check.id, f"{check.title} ({', '.join(themes_of(check))})") for check in CHECKS)
    elif what == "themes":
        from nodecheck.checks.themes import themes

        yield from ((theme.name, theme.asks) for theme in themes().values())
    elif what == "layers":
        yield from _targets()
    elif what == "mutants":
        from nodecheck.frontends.cli.mutant_list import mutants

        yield from mutants()
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
