"""Expected failures: those of a configuration given to its layers, and the lookup of one result.

An expected failure is filed under the id of its check, which may be followed by ``:`` and a shell pattern for
the names of problems.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from nodecheck.options.configuration import Configuration, ConfigurationError, Expectation
from nodecheck.options.layer_names import MOST_NAMES_SHOWN, matches, nearest
from nodecheck.results import LayerCard


def with_expectations(
    cards: Sequence[LayerCard],
    configuration: Configuration,
    *,
    checks: Collection[str],
    every_layer: bool,
    today: date | None = None,
) -> tuple[LayerCard, ...]:
    """Return the layers with the expected failures of the configuration, which replace their own reasons.

    Parameters
    ----------
    cards
        All layers of the targets, also those that the run leaves out.
    configuration
        The expected failures; layers are named or matched by a shell pattern.
    checks
        The ids of all checks, former ids included.
    every_layer
        True if these are all layers that the configuration is about.  Then an entry that matches no layer
        is an error.  False where targets were given by hand or could not be loaded.
    today
        Date on which entries are compared with their last day; None: the current date.

    Raises
    ------
    ConfigurationError
        If an entry has expired, matches no layer or no check, or two entries are about the same: one line for
        each.
    """
    names = list(dict.fromkeys(card.name for card in cards))
    found: dict[str, dict[str, str]] = {}
    errors: list[str] = []
    for entry in configuration.table.expect:
        matched = [name for name in names if matches(name, entry.layer)]
        errors += _errors(entry, matched, names, checks, today or date.today(), every_layer=every_layer)
        for name in matched:
            reasons = found.setdefault(name, {})
            if entry.check in reasons:
                errors.append(
                    f"expected one entry for {name!r} and {entry.check!r}, got two; remove one of them"
                )
            reasons[entry.check] = entry.full_reason
    if errors:
        message = "\n".join(f"{configuration.where}: {error}" for error in errors)
        raise ConfigurationError(message)
    return tuple(
        replace(card, expected_failures={**card.expected_failures, **found.get(card.name, {})})
        for card in cards
    )


def translated(expected: Mapping[str, str], aliases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return expected failures with current ids in place of former ones; the last reason of an id holds."""
    current = {}
    for key, reason in expected.items():
        id_, colon, problems = key.partition(":")
        for name in aliases.get(id_, (id_,)):
            current[f"{name}:{problems}" if colon and ":" not in name else name] = reason
    return current


def expected_reason(expected: Mapping[str, str], check: str, problem: str) -> str:
    """Return the reason why a check is expected to fail on a problem; "" if it is not."""
    for key, reason in expected.items():
        id_, colon, problems = key.partition(":")
        if id_ == check and (not colon or fnmatch.fnmatchcase(problem, problems)):
            return reason
    return ""


def _errors(
    entry: Expectation,
    matched: Sequence[str],
    names: Sequence[str],
    checks: Collection[str],
    today: date,
    *,
    every_layer: bool,
) -> Iterator[str]:
    """Yield a sentence for each fault of an entry."""
    if entry.expires is not None and entry.expires < today:
        received = f"layer = {entry.layer!r}, check = {entry.check!r}, which expired on {entry.expires}"
        yield f"expected an entry that still holds, got {received}; correct the layer, or move the day"
    id_ = entry.check.partition(":")[0]
    if id_ not in checks:
        hint = nearest(id_, checks) or "`nodecheck list checks` names them"
        yield f"expected the id of a check, got {id_!r}; {hint}"
    if every_layer and not matched:
        known = ", ".join(names[:MOST_NAMES_SHOWN]) or "none"
        hint = nearest(entry.layer, names) or f"layers are {known}"
        yield f"expected a layer, by name or pattern, got {entry.layer!r}, which matches none; {hint}"
