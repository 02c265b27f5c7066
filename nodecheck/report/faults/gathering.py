"""The failed checks of a layer, gathered under the faults that explain them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from nodecheck.report.faults.areas import Area, area_of, place, rank
from nodecheck.report.faults.relations import follows, names_a_cause
from nodecheck.report.faults.sizes import size_of
from nodecheck.report.numbers import bound, clean, quantity, shorten
from nodecheck.report.statuses import WRONG, statement
from nodecheck.report.summary import Group, excess, groups
from nodecheck.results import Measurement, Result, Run, Status
from nodecheck.results.diagnosis_parts import DiagnosisParts, parts_of

_LONGEST_ERROR = 200  # characters of an error that was raised
_SHORT = 40  # characters; a shorter headline has the title of its check before it


@dataclass(frozen=True)
class Fault:
    """A fault of a layer: the check that says most about its cause, and those that see its symptoms."""

    area: Area
    lead: Group
    symptoms: tuple[Group, ...] = ()

    @property
    def worst(self) -> Result:
        """The first result of the leading check that names a cause; it stands for the fault."""
        return min(self.lead.results, key=lambda r: (not r.diagnosis, not names_a_cause(r.diagnosis)))

    @property
    def parts(self) -> DiagnosisParts:
        """The diagnosis in parts."""
        return _parts(self.worst)

    @property
    def headline(self) -> str:
        """The first sentences of the diagnosis: the mistake, its size, and the cause where it is known."""
        worst = self.worst
        if worst.status is Status.ERROR:
            return f"{statement(worst)}: {shorten(worst.reason or worst.diagnosis, _LONGEST_ERROR)}"
        headline = self.parts.headline
        if headline:
            return headline if len(headline) > _SHORT else f"{statement(worst)}. {headline}"
        found = self.measurement
        if found is None:
            return f"{statement(worst)}."
        value = quantity(found.value, found.unit)
        return f"{statement(worst)}: {shorten(found.name)} is {value}, {bound(found)} is allowed."

    @property
    def size(self) -> str:
        """The size of the fault, from the curve that shows it worst; "" where the headline has it."""
        if "%" in self.headline or "off by" in self.headline:
            return ""
        return size_of(self.worst)

    @property
    def remedy(self) -> str:
        """The remedy; "" if none is known, as in runs of older versions."""
        return self.parts.remedy or self.worst.remedy

    @property
    def measurement(self) -> Measurement | None:
        """The violated measurement that is farthest from its bound; None if the check raised."""
        return max(self.worst.violated, key=excess, default=None)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The failed checks that the fault explains, the leading one first."""
        return (self.lead, *self.symptoms)


def faults(run: Run, name: str) -> tuple[Fault, ...]:
    """Return the faults of a layer, in causal order: each explains what follows from it.

    In an area a check that names a cause leads.  (Residuals on different problems are not compared: that on a
    constant field is at rounding, whatever the cause.)  What can follow from a fault above does.
    """
    found: list[Fault] = []
    for area, members in _by_area(groups(run.of_layer(name), *WRONG)):
        above = next((f for f in reversed(found) if follows(area, members, f)), None)
        if above is None:
            lead, *others = sorted(members, key=lambda g: _order(g, area))
            found.append(Fault(area, lead, tuple(others)))
        else:
            k = found.index(above)
            found[k] = replace(above, symptoms=(*above.symptoms, *members))
    return tuple(found)


def _by_area(found: Iterable[Group]) -> list[tuple[Area, list[Group]]]:
    """Return the groups by area, in causal order; failures and errors of a check are two groups."""
    areas: dict[Area, list[Group]] = {}
    for group in found:
        areas.setdefault(area_of(group.results), []).append(group)
    return sorted(areas.items(), key=lambda pair: place(pair[0]))


def _order(group: Group, area: Area) -> tuple[bool, bool, int]:
    named = any(names_a_cause(r.diagnosis) for r in group.results)
    return not named, not any(r.diagnosis for r in group.results), rank(group.first.check, area)


def _parts(result: Result) -> DiagnosisParts:
    return parts_of(clean(result.diagnosis))
