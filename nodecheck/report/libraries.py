"""The libraries of a run: the verdicts on their layers, and their known faults in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from nodecheck.report.statuses import NOT_APPLICABLE, statement
from nodecheck.report.summary import themes
from nodecheck.report.words import FAULTLESS, WORST_FIRST, WRONG, Word, layer_names, verdict
from nodecheck.results import Outcome, Result, Run, Status

_FAULTS = (*WRONG, Status.XFAILED)


@dataclass(frozen=True)
class Fault:
    """A fault of a library: what is wrong, its cause where that is known, and the layers that have it."""

    text: str
    reason: str
    layers: tuple[str, ...]
    script: str
    known: bool


@dataclass(frozen=True)
class Library:
    """The layers of one target."""

    name: str
    layers: tuple[str, ...]
    verdicts: tuple[tuple[Word, int], ...]
    themes: tuple[tuple[str, int, int], ...]  # name, layers without a fault under it, layers looked at
    faults: tuple[Fault, ...]

    @property
    def faultless(self) -> int:
        """The number of layers of which no fault is known."""
        return sum(n for word, n in self.verdicts if word in FAULTLESS)


def libraries(run: Run) -> list[Library]:
    """Return the targets of a run in its order; none where all layers come from one file of a user."""
    targets = {card.name: card.target for card in run.layers}
    by_target: dict[str, list[str]] = {}
    for name in layer_names(run):
        by_target.setdefault(targets.get(name, ""), []).append(name)
    by_target.pop("", None)
    if len(by_target) < 2 or len(themes(run)) < 2:
        return []
    return [_library(run, target, tuple(names)) for target, names in by_target.items()]


def _library(run: Run, target: str, names: tuple[str, ...]) -> Library:
    words = Counter(verdict(run, name).word for name in names)
    results = [r for name in names for r in run.of_layer(name)]
    counted = [(theme, *_under(run, theme, names)) for theme in themes(run)]
    return Library(
        target,
        names,
        tuple(sorted(words.items(), key=_best_first)),
        tuple((t, n, m) for t, n, m in counted if m),
        _faults(results),
    )


def _best_first(item: tuple[Word, int]) -> int:
    return -WORST_FIRST.index(item[0])


def _under(run: Run, theme: str, names: Iterable[str]) -> tuple[int, int]:
    """Return the number of layers without a fault under a theme, and of those that it applies to."""
    found = [[r for r in run.of_layer(name) if r.theme == theme] for name in names]
    asked = [of_one for of_one in found if any(r.status not in NOT_APPLICABLE for r in of_one)]
    return sum(not any(r.status in _FAULTS for r in of_one) for of_one in asked), len(asked)


def _faults(results: Iterable[Result]) -> tuple[Fault, ...]:
    """Return the distinct faults, those that no list of expectations has first, then by number of layers."""
    found: dict[str, list[Result]] = {}
    for r in results:
        if r.status in _FAULTS:
            found.setdefault(r.expected or statement(r), []).append(r)
    faults = [_fault(reason, group) for reason, group in found.items()]
    return tuple(sorted(faults, key=lambda fault: (fault.known, -len(fault.layers))))


def _fault(reason: str, group: list[Result]) -> Fault:
    titles = Counter(statement(r) for r in group if r.violated or r.outcome is Outcome.ERROR)
    script = next((r.reproducer for r in group if r.reproducer), "")
    layers = tuple(dict.fromkeys(r.layer for r in group))
    known = all(r.status is Status.XFAILED for r in group)
    return Fault(max(titles, key=titles.__getitem__), reason if known else "", layers, script, known)
