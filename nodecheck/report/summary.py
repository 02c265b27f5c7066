"""The results of a run in groups: scorecard, and results of one check."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from nodecheck.report.numbers import clean
from nodecheck.report.statuses import NOT_APPLICABLE, SYMBOLS, status_word
from nodecheck.results import Measurement, Result, Run, Status


@dataclass(frozen=True)
class Cell:
    """One layer under one theme: its worst status, the number of results with it, and of all results."""

    status: Status | None
    count: int = 0
    total: int = 0
    first: str = ""  # id of the first result with that status

    @property
    def symbol(self) -> str:
        """The symbol of the status; a dash where the layer has no result under the theme."""
        return SYMBOLS[self.status] if self.status else "–"

    @property
    def figures(self) -> str:
        """The count, beside the total where only some have the status."""
        return f"{self.count}" if self.count == self.total else f"{self.count}/{self.total}"

    @property
    def words(self) -> str:
        """The cell as a phrase."""
        if self.status is None:
            return "nothing run"
        return f"{self.count} of {self.total} {status_word(self.status)}"


def themes(run: Run) -> tuple[str, ...]:
    """Return the themes in order of appearance."""
    return tuple(dict.fromkeys(r.theme for r in run.results))


def cell(results: Iterable[Result]) -> Cell:
    """Return the cell of these results."""
    results = list(results)
    for status in SYMBOLS:
        with_it = [r for r in results if r.status is status]
        if with_it:
            total = len(results)
            if status is Status.PASSED:  # results that do not apply are not counted
                total = sum(r.status not in NOT_APPLICABLE for r in results)
            return Cell(status, len(with_it), total, with_it[0].id)
    return Cell(None)


def scorecard(run: Run, layers: Iterable[str]) -> list[tuple[str, list[Cell]]]:
    """Return a row of cells, one for each theme, for each layer."""
    columns = themes(run)
    rows = []
    for name in layers:
        results = run.of_layer(name)
        rows.append((name, [cell(r for r in results if r.theme == theme) for theme in columns]))
    return rows


@dataclass(frozen=True)
class Group:
    """The results of one check of one layer that share a status, over the problems it ran on."""

    results: tuple[Result, ...]

    @property
    def first(self) -> Result:
        """The first result, which stands for all."""
        return self.results[0]

    @property
    def problems(self) -> tuple[str, ...]:
        """The names of the problems."""
        return tuple(r.problem for r in self.results if r.problem)

    @property
    def seconds(self) -> float:
        """The time that all of them took."""
        return sum(r.seconds for r in self.results)

    @property
    def nearest(self) -> tuple[Measurement, ...]:
        """The measurement that comes nearest to its bound; none where nothing was measured."""
        measured = [m for r in self.results for m in r.measurements]
        return (max(measured, key=_share_of_bound),) if measured else ()

    @property
    def worst(self) -> Result:
        """The result with the measurement that is farthest from its bound."""
        return max(self.results, key=lambda r: max(map(excess, r.violated), default=0.0))

    @property
    def worst_measurement(self) -> Measurement | None:
        """The violated measurement that is farthest from its bound; None if nothing was measured."""
        return max(self.worst.violated, key=excess, default=None)

    @property
    def scripts(self) -> list[str]:
        """The distinct scripts that reproduce the results."""
        return list(dict.fromkeys(r.reproducer for r in self.results if r.reproducer))

    @property
    def explanations(self) -> list[tuple[str, tuple[str, ...]]]:
        """The distinct reasons and diagnoses, each with its problems, or with none if it is about all."""
        found: dict[str, list[str]] = {}
        for r in self.results:
            for text in dict.fromkeys(t.strip() for t in (r.reason, r.diagnosis) if t.strip()):
                found.setdefault(clean(text), []).append(r.problem)
        return [
            (text, tuple(filter(None, names)) if len(names) < len(self.results) else ())
            for text, names in found.items()
        ]


def excess(m: Measurement) -> float:
    """Return by how much a measurement violates its bound, as a ratio; infinite for NaN."""
    value, bound = (m.value, m.bound) if m.at_most else (m.bound, m.value)
    if math.isnan(value) or math.isnan(bound):
        return math.inf
    return value / bound if bound > 0 else math.inf


def _share_of_bound(m: Measurement) -> float:
    """Return the share of the bound that is used up, 0 where the bound allows no more than one value."""
    part, whole = (m.value, m.bound) if m.at_most else (m.bound, m.value)
    return part / whole if whole > 0 and math.isfinite(part) else 0.0


def groups(results: Iterable[Result], *statuses: Status) -> list[Group]:
    """Return the results with one of the statuses, grouped by layer, check and status."""
    found: dict[tuple[str, str, Status], list[Result]] = {}
    for r in results:
        if r.status in statuses:
            found.setdefault((r.layer, r.check, r.status), []).append(r)
    return [Group(tuple(members)) for members in found.values()]
