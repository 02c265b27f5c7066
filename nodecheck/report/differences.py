"""The differences between two runs: kind, place and text of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Change(StrEnum):
    """The kind of a difference, in the order of a report: new and fixed first, what stays as it was last."""

    BROKEN = "newly failing"
    UNTRIED = "failing (not run before)"
    FIXED = "fixed"
    WORSE = "worse, though passing"
    LOST = "no longer decided"
    EXPECTED = "now failing as expected"
    BETTER = "better"
    STILL = "still failing"


@dataclass(frozen=True)
class Difference:
    """One difference; `check` or `problem` is empty where it is about all of them.

    `brief` is the text in a few words, where there are such.
    """

    change: Change
    layer: str
    check: str
    problem: str
    text: str
    brief: str = ""


@dataclass(frozen=True)
class Changes:
    """All differences between two runs.

    Attributes
    ----------
    differences
        In the order of the later run; those about missing results come last.
    notes
        Versions, settings and scope in which the runs differ: reasons why numbers may not be comparable.
    alike
        True if profile and version are the same: then every missing result counts.
    results, numbers
        The number of results and of metrics that were compared.
    """

    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    alike: bool
    results: int
    numbers: int

    def of(self, change: Change) -> tuple[Difference, ...]:
        """Return the differences of one kind."""
        return tuple(d for d in self.differences if d.change is change)

    @property
    def regressed(self) -> bool:
        """True if anything is worse, or is missing without a reason."""
        bad = {Change.BROKEN, Change.UNTRIED, Change.WORSE} | ({Change.LOST} if self.alike else set())
        return any(d.change in bad for d in self.differences)
