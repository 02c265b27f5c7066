"""Whether failures of an area follow from a fault above it, or are a fault of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from nodecheck.report.faults.areas import Area
from nodecheck.report.summary import Group
from nodecheck.results.diagnosis_parts import parts_of

# Words of a diagnosis that names what is wrong, beside a residual.
_NAMED = re.compile(
    r"residual |rounded to|consists? of \S+ numbers|passes through|detached|backward pass takes|"
    r"No gradient arrives"
)
_UNKNOWN = re.compile(r"Unexplained|no usual mistake|no weights of the cotangents|is smaller than that")
# Checks of the gradient that fail in their own right: a wrong forward pass has a right gradient of its own.
_OF_ITS_OWN = ("gradient-order", "gradient-class", "finite-differences", "gradient-completeness")
_ROUNDED = re.compile(r"b?float(16|32)")
_OF_STATES = re.compile(r"\by1 (and|is off)")
_COMPARISONS = ("complex-", "batch-independence", "other-", "computed-", "uninvolved-", "device-")


class _Fault(Protocol):
    """A fault that has been found: its area and the checks that see it."""

    @property
    def area(self) -> Area: ...
    @property
    def groups(self) -> tuple[Group, ...]: ...


def names_a_cause(diagnosis: str) -> bool:
    """Return True if a diagnosis says what was done wrong, and not only what is off."""
    return _NAMED.search(diagnosis) is not None and _UNKNOWN.search(diagnosis) is None


def follows(area: Area, members: Sequence[Group], fault: _Fault) -> bool:
    """Return True if failures of an area can follow from a fault.

    What raises does not follow from wrong numbers, and a cause that is named is one of its own.
    """
    if fault.area.name not in area.explained_by:
        return False
    if fault.area.name in ("adapter", "passes", "determinism"):
        return True
    if any("raise" in m.name for g in members for r in g.results for m in r.violated):
        return False
    forward = fault.area.name == "forward"
    if area.name == "gradient":
        return not forward or _is_rounding(fault, members) or not _is_wrong_by_itself(members)
    if area.checks[0].startswith(_COMPARISONS):
        return _shares_members(fault) or _over_tolerance(members) if forward else _of_gradients(members)
    if area.checks[0] in ("output-gradients", "time-gradients", "log-det-gradient", "member-times"):
        return not any(_has_words_of_its_own(text) for text in _texts(members))
    return True


def _is_rounding(fault: _Fault, members: Sequence[Group]) -> bool:
    """Return True if the fault is one of precision, and no other cause is named of the gradient."""
    lead = next(iter(_texts(fault.groups[:1])), "")
    causes = [text for text in _texts(members) if names_a_cause(text)]
    return bool(_ROUNDED.search(lead)) and all(_ROUNDED.search(text) for text in causes)


def _is_wrong_by_itself(members: Sequence[Group]) -> bool:
    """Return True if the gradient is wrong beyond what its forward pass makes of it."""
    own = any(g.first.check in _OF_ITS_OWN for g in members)
    return own or any(parts_of(text).evidence for text in _texts(members))


def _shares_members(fault: _Fault) -> bool:
    """Return True if the fault is that members of a batch are mixed."""
    return any("members are mixed" in text or "batch member" in text for text in _texts(fault.groups))


def _over_tolerance(members: Sequence[Group]) -> bool:
    """Return True if what a layer is compared with is its own tolerance."""
    return all("over the tolerance" in m.name for g in members for r in g.results for m in r.violated)


def _of_gradients(members: Sequence[Group]) -> bool:
    """Return True if all that is wrong are gradients."""
    if any(_OF_STATES.search(text) for text in _texts(members)):
        return False
    text = [f"{m.name} {r.diagnosis}" for g in members for r in g.results for m in r.violated]
    return bool(text) and all("gradient" in each or "∂L" in each for each in text)


def _has_words_of_its_own(text: str) -> bool:
    return bool(text) and not text.startswith("At ") and _UNKNOWN.search(text) is None


def _texts(members: Iterable[Group]) -> list[str]:
    return [r.diagnosis for g in members for r in g.results if r.diagnosis]
