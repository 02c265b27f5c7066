"""Layers chosen by name: ``TARGET::GLOB`` and ``--layer GLOB`` mean those whose names match a pattern."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodecheck.results import LayerCard

_MARK, _EVERY = "::", "*"
MOST_NAMES_SHOWN = 10  # layers in one message


def split(target: str) -> tuple[str, str]:
    """Return a target without the pattern for the names of its layers, and the pattern, "*" by default."""
    source, mark, pattern = target.partition(_MARK)
    return (source, pattern) if mark else (target, _EVERY)


def sources(targets: Sequence[str]) -> tuple[str, ...]:
    """Return the targets without their patterns, each once: these are what is imported."""
    return tuple(dict.fromkeys(split(target)[0] for target in targets))


def restricted(targets: Sequence[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the targets, each once, where one without a pattern of its own gets these.

    Raises
    ------
    ValueError
        If a target ends in ``::``, without a pattern.
    """
    for target in targets:
        if not all(split(target)):
            message = (
                f"expected TARGET{_MARK}GLOB, got {target!r}; write the name of a layer, or a shell pattern, "
                f"behind {_MARK!r}, or leave that out"
            )
            raise ValueError(message)
    found: list[str] = []
    for target in targets:
        more = [] if _MARK in target else [f"{target}{_MARK}{pattern}" for pattern in patterns]
        found += more or [target]
    return tuple(dict.fromkeys(found))


def matches(name: str, pattern: str) -> bool:
    """Return True if a pattern means a layer; a name with brackets in it also matches itself."""
    return name == pattern or fnmatch.fnmatchcase(name, pattern)


def chosen_layers(
    cards: Sequence[LayerCard], targets: Sequence[str], patterns: Sequence[str] = (), *, complete: bool
) -> tuple[LayerCard, ...]:
    """Return the layers that are meant.

    Parameters
    ----------
    cards
        All layers of the targets that could be loaded.
    targets
        The targets, as `restricted` returns them.
    patterns
        Those of the option ``--layer``.  Each has to match a layer of some target; a pattern of a target has
        to match one of that target.
    complete
        True if all targets could be loaded.  A pattern of the option may mean a layer of one that could not.

    Raises
    ------
    ValueError
        If a pattern matches no layer; the message lists those that there are.
    """
    wanted: dict[str, list[str]] = {}
    for target in targets:
        source, pattern = split(target)
        wanted.setdefault(source, []).append(pattern)
    found = tuple(c for c in cards if any(matches(c.name, p) for p in wanted.get(c.target, (_EVERY,))))
    for message in _unmatched(cards, wanted, patterns, complete=complete):
        raise ValueError(message)
    return found


def _unmatched(
    cards: Sequence[LayerCard], wanted: dict[str, list[str]], patterns: Sequence[str], *, complete: bool
) -> Iterator[str]:
    """Yield a sentence for each pattern that matches nothing."""
    for pattern in patterns if complete else ():
        names = [card.name for card in cards if pattern in wanted.get(card.target, ())]
        if names and not any(matches(name, pattern) for name in names):
            yield _no_layer("--layer", pattern, names)
    for source, of_source in wanted.items():
        names = [card.name for card in cards if card.target == source]
        for pattern in of_source:
            if names and pattern not in patterns and not any(matches(name, pattern) for name in names):
                yield _no_layer(source, pattern, names)


def _no_layer(place: str, pattern: str, names: Sequence[str]) -> str:
    near = nearest(pattern, names)
    more = len(names) - MOST_NAMES_SHOWN
    known = ", ".join(names[:MOST_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return (
        f"{place} must match the name of a layer, got {pattern!r}, which matches none; "
        f"{near and f'{near} '}layers are {known}"
    )


def nearest(name: str, known: Collection[str]) -> str:
    """Return the question for the name that is written nearly like this one; "" if there is none."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""
