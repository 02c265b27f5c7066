"""The card of a layer: its claims and what was measured, its known faults, and what is undecided."""

from __future__ import annotations

from dataclasses import dataclass

from nodecheck.report.statuses import WRONG
from nodecheck.report.summary import Group, groups
from nodecheck.report.words import Verdict, facts_of, verdict
from nodecheck.results import LayerCard, Run, Status

# A claim, and the names of the facts that belong to it.
_CLAIMS = (
    ("order", ("order",)),
    ("adjoint", ("gradient class",)),
    ("memory", ("memory", "memory law", "memory class")),
    ("tableau", ("tableau",)),
    ("supports", ()),
)


@dataclass(frozen=True)
class Detail:
    """The card of a layer."""

    verdict: Verdict
    identity: tuple[tuple[str, str, str], ...]  # property, claimed, measured
    known: tuple[tuple[str, tuple[Group, ...]], ...]  # a reason, and the checks that it is the reason of
    inconclusive: tuple[Group, ...]
    failed: bool
    plotted: bool
    origin: str


def detail(run: Run, name: str) -> Detail:
    """Return the card of a layer."""
    results = run.of_layer(name)
    known: dict[str, list[Group]] = {}
    for group in groups(results, Status.XFAILED):
        known.setdefault(group.first.expected, []).append(group)
    card = next((c for c in run.layers if c.name == name), None)
    return Detail(
        verdict(run, name),
        tuple(identity(run, name)),
        tuple((reason, tuple(found)) for reason, found in known.items()),
        tuple(groups(results, Status.INCONCLUSIVE)),
        any(r.status in WRONG for r in results),
        any(r.series for r in results),
        _origin(card),
    )


def _origin(card: LayerCard | None) -> str:
    """Return the kind of its steps, and the place that the layer comes from."""
    if card is None:
        return ""
    kind = "adaptive" if card.adaptive else "fixed step" if card.resolution == "n_steps" else card.resolution
    return " · ".join(filter(None, (kind, card.origin or card.target)))


def identity(run: Run, name: str) -> list[tuple[str, str, str]]:
    """Return (property, claimed, measured) rows of a layer's identity card."""
    card = next((c for c in run.layers if c.name == name), None)
    facts = facts_of(run.of_layer(name))
    rows = []
    for claim, keys in _CLAIMS:
        claimed = _claim(card, claim)
        key = next((k for k in keys if k in facts), "")
        measured = facts.pop(key, "")
        if claimed or measured:
            rows.append((key or claim, claimed, measured))
    return rows + [(key, "", value) for key, value in facts.items()]


def _claim(card: LayerCard | None, name: str) -> str:
    value = getattr(card, name, None)
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value)
