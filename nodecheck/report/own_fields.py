"""The paragraph of a report on fields of the user's own: the mistakes that they cannot reveal."""

from __future__ import annotations

from nodecheck.report.limits import LABEL, MOST_NAMES
from nodecheck.report.numbers import shorten
from nodecheck.results import Run

_SUITE = (
    "Without --problem a layer is checked on fields that show all this, and by the checks that bring fields "
    "of their own: exactness on constant fields, memory, modules, other uses."
)


def on_own_fields(run: Run) -> str:
    """Return the end of a verdict: on which fields of the user's own it was reached; "" if on none."""
    names = [shorten(card.name, LABEL) for card in run.problems]
    if not names:
        return ""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f" on your field{'s' if len(names) > 1 else ''} {', '.join(names[:MOST_NAMES])}{more}"


def unseen(run: Run) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Return for each field its name, its size, and sentences on what it cannot reveal."""
    return tuple(
        (card.name, card.size, (*card.cannot_reveal, _SUITE)) for card in run.problems if card.cannot_reveal
    )
