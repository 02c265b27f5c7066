"""The expected failures of a configuration, given to the layers they are about, each entry still needed."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Collection, Iterator, Sequence
from datetime import date

from nodecheck.options.configuration import Configuration, ConfigurationError, Expectation
from nodecheck.results import LayerCard


def expectations(
    configuration: Configuration,
    cards: Sequence[LayerCard],
    today: date,
    *,
    checks: Collection[str],
    every_layer: bool = True,
) -> dict[str, dict[str, str]]:
    """Return {layer: {check: reason}} for the layers of a run.

    Parameters
    ----------
    configuration
        What is expected, layers by name or shell pattern.
    cards
        The layers of the run.
    today
        An entry holds up to and including the day it expires.
    checks
        The ids of all checks that there are.
    every_layer
        Whether the run has all layers that the configuration is about; if not, as with a target given on the
        command line, an entry may be about a layer that is not there.

    Raises
    ------
    ConfigurationError
        If an entry has expired, names no layer or no check, or two say the same: one line for each.
    """
    names = [card.name for card in cards]
    found: dict[str, dict[str, str]] = {}
    complaints: list[str] = []
    for entry in configuration.table.expect:
        about = [name for name in names if _matches(name, entry.layer)]
        complaints += _complaints(entry, about, names, checks, today, every_layer=every_layer)
        for name in about:
            reasons = found.setdefault(name, {})
            if entry.check in reasons:
                complaints.append(
                    f"expected one entry for {name!r} and {entry.check!r}, got two; remove one of them"
                )
            reasons[entry.check] = entry.known_for
    if complaints:
        message = "\n".join(f"{configuration.where}: {complaint}" for complaint in complaints)
        raise ConfigurationError(message)
    return found


def _matches(name: str, pattern: str) -> bool:
    """Whether a layer is meant; a name with brackets in it means itself, whatever they say as a pattern."""
    return name == pattern or fnmatch.fnmatchcase(name, pattern)


def _complaints(
    entry: Expectation,
    about: Sequence[str],
    names: Sequence[str],
    checks: Collection[str],
    today: date,
    *,
    every_layer: bool,
) -> Iterator[str]:
    if entry.expires is not None and entry.expires < today:
        said = f"layer = {entry.layer!r}, check = {entry.check!r}, which expired on {entry.expires}"
        yield f"expected an entry that still holds, got {said}; correct the layer, or move the day"
    if entry.check not in checks:
        hint = _hint(entry.check, checks) or "`nodecheck list checks` names them"
        yield f"expected the id of a check, got {entry.check!r}; {hint}"
    if every_layer and not about:
        hint = _hint(entry.layer, names) or f"layers are {', '.join(names[:10]) or 'none'}"
        yield f"expected a layer, by name or pattern, got {entry.layer!r}, which matches none; {hint}"


def _hint(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""
