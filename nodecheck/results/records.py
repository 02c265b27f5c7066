"""Records of a run as frozen data: measurements, curves, results, and the run itself.

A check returns `Evidence`.  The status of a result is computed here from the evidence, also when a run is
loaded.  It cannot be set, so an edited status in a file has no effect.
"""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from nodecheck.results.field_card import FieldCard
from nodecheck.results.layer_card import LayerCard

SCHEMA_VERSION = 1
# The least share of the results that apply to a layer that must be decided and passed, for it to be verified.
VERIFIED_SHARE = 0.95
# The reason of a result that an interrupted run did not reach.
NOT_REACHED = "not reached before the run was interrupted"
# Names of facts: the part of the output that the checks saw, a further output and further gradients that some
# of them saw, and what else the layer is known to return.
SCOPE, SCOPE_BESIDES = "scope", "looked at besides"
ALSO_LOOKED_AT, NOT_LOOKED_AT = "also looked at", "not looked at"
# JSON has no NaN or infinity: they are written as the strings "NaN", "Infinity" and "-Infinity".
_NON_FINITE_AS_STRINGS = {"ser_json_inf_nan": "strings"}


class Status(StrEnum):
    """The verdict on one (layer, check, problem)."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"  # the layer raised, hung or crashed
    UNSUPPORTED = "unsupported"  # an undeclared capability, refused with a clear error
    INCONCLUSIVE = "inconclusive"  # not asymptotic, or the reference or the problem cannot decide
    SKIPPED = "skipped"  # does not apply, with a reason
    XFAILED = "xfailed"
    XPASSED = "xpassed"


_WRONG = (Status.FAILED, Status.ERROR, Status.XPASSED)


class Outcome(StrEnum):
    """The end of a check, before its measurements are compared with their bounds."""

    MEASURED = "measured"
    ERROR = "error"
    UNSUPPORTED = "unsupported"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Measurement:
    """A number and the bound it must satisfy; NaN satisfies none."""

    name: str
    value: float
    bound: float
    at_most: bool = True
    unit: str = ""

    __pydantic_config__ = _NON_FINITE_AS_STRINGS

    @property
    def holds(self) -> bool:
        """True if the value satisfies its bound."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound


def at_most(name: str, value: float, bound: float, unit: str = "") -> Measurement:
    """Return a measurement that must not exceed `bound`."""
    return Measurement(name, float(value), float(bound), True, unit)


def at_least(name: str, value: float, bound: float, unit: str = "") -> Measurement:
    """Return a measurement that must reach `bound`."""
    return Measurement(name, float(value), float(bound), False, unit)


@dataclass(frozen=True)
class Series:
    """A curve for the report: `y` over `x`, drawn in the figure that `plot` names.

    `style` is "points" (markers joined by a line), "line", "field" (short strokes separated by NaN), "marks"
    (positions on the x axis), or "cells" (a map of values y: x is the column, and 0 begins a row).
    `slope` is the slope of a reference triangle on log-log axes.
    """

    plot: str
    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    x_label: str = ""
    y_label: str = ""
    style: str = "points"
    log: bool = False
    slope: float | None = None

    __pydantic_config__ = _NON_FINITE_AS_STRINGS

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            message = (
                f"a series must have as many x as y, got {len(self.x)} and {len(self.y)}; "
                f"separate strokes of a field by NaN in both"
            )
            raise ValueError(message)


@dataclass(frozen=True)
class Metric:
    """A number without a bound, to be compared between runs: equal code and an equal seed give it again.

    `quantity` is the rule of the comparison: "order", "error", "states" or "evaluations".  A number of
    another quantity is stored, and not compared.
    """

    name: str
    value: float
    quantity: str

    __pydantic_config__ = _NON_FINITE_AS_STRINGS


@dataclass(frozen=True)
class Evidence:
    """The outcome of a check that could measure.

    `facts` are measured properties of the layer (order, class, evaluations per step) for its identity card,
    `metrics` the numbers that are compared with those of another run.
    """

    measurements: tuple[Measurement, ...]
    diagnosis: str = ""
    series: tuple[Series, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True)
class Result:
    """One check of one layer on one problem.

    `title` is the statement that holds or was refuted; `reason` is the reason for no verdict; `expected` is
    the layer's own reason for an expected failure; `stale` is True for an expectation that no longer holds;
    `remedy` is what to do about a failure;
    `output` is the output and the warnings of the layer, shortened.
    """

    layer: str
    check: str
    problem: str
    outcome: Outcome
    title: str
    theme: str = ""
    kind: str = ""
    cite: str = ""
    measurements: tuple[Measurement, ...] = ()
    diagnosis: str = ""
    reason: str = ""
    expected: str = ""
    stale: bool = False
    series: tuple[Series, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    reproducer: str = ""
    remedy: str = ""
    output: str = ""
    seconds: float = 0.0
    seed: int = 0
    id: str = ""
    status: Status = Status.ERROR

    __pydantic_config__ = _NON_FINITE_AS_STRINGS

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"{self.layer}:{self.check}:{self.problem}")
        object.__setattr__(self, "status", _status(self))

    @property
    def violated(self) -> tuple[Measurement, ...]:
        """The measurements that violate their bound."""
        return tuple(m for m in self.measurements if not m.holds)


def _status(result: Result) -> Status:
    """Return the status; without any measurement it is inconclusive."""
    if result.outcome is Outcome.MEASURED and not result.measurements:
        return Status.INCONCLUSIVE
    if result.outcome not in (Outcome.MEASURED, Outcome.ERROR):
        return Status(result.outcome.value)
    if result.outcome is Outcome.MEASURED and not result.violated:
        return Status.XPASSED if result.stale and result.expected else Status.PASSED
    if result.expected:
        return Status.XFAILED
    return Status.ERROR if result.outcome is Outcome.ERROR else Status.FAILED


@dataclass(frozen=True)
class Run:
    """All results of one run, with targets, seed and environment, by which it can be repeated.

    `checks` are the checks of the profile by id, each with the layers it applies to: see `Check.asked_of`.
    A check without a result was left out.  Older versions did not write this field.  `problems` are those of
    the user's own, on which alone the run looked; empty: it looked on those of nodecheck.
    """

    results: tuple[Result, ...]
    layers: tuple[LayerCard, ...] = ()
    targets: tuple[str, ...] = ()
    profile: str = "ci"
    seed: int = 0
    command: str = ""
    started: str = ""  # ISO 8601, UTC
    seconds: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)
    load_errors: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    nodecheck_version: str = ""
    schema_version: int = SCHEMA_VERSION
    checks: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[FieldCard, ...] = ()

    __pydantic_config__ = _NON_FINITE_AS_STRINGS

    def __post_init__(self) -> None:
        repeated = [name for name, n in Counter(r.id for r in self.results).items() if n > 1]
        if repeated:
            message = (
                f"(layer, check, problem) must be unique in a run, got {repeated[0]!r} twice; "
                f"give each layer its own name"
            )
            raise ValueError(message)
        object.__setattr__(self, "results", _mark_stale_expectations(self.results))

    def count(self, *statuses: Status) -> int:
        """Return the number of results that have one of the statuses."""
        return sum(r.status in statuses for r in self.results)

    def of_layer(self, name: str) -> tuple[Result, ...]:
        """Return the results of one layer, in the order in which they were made."""
        return self._by_layer.get(name, ())

    @functools.cached_property
    def _by_layer(self) -> dict[str, tuple[Result, ...]]:
        found: dict[str, list[Result]] = defaultdict(list)
        for r in self.results:
            found[r.layer].append(r)
        return {name: tuple(results) for name, results in found.items()}

    def left_out(self, name: str) -> tuple[str, ...]:
        """Return the checks of the profile that apply to such a layer and have no result here."""
        card = next((card for card in self.layers if card.name == name), None)
        kinds = card.kinds if card is not None else ()  # it was never loaded, so no check applies
        found = {r.check for r in self.of_layer(name)}
        return tuple(check for check, kind in self.checks.items() if kind in kinds and check not in found)

    def is_verified(self, name: str) -> bool:
        """Return True if no result is wrong and enough of the results that apply were decided and passed."""
        found = Counter(r.status for r in self.of_layer(name))
        applicable = found.total() - found[Status.SKIPPED] - found[Status.UNSUPPORTED]
        wrong = any(found[status] for status in _WRONG)
        return applicable > 0 and not wrong and found[Status.PASSED] >= VERIFIED_SHARE * applicable

    def exit_code(self, *, strict: bool = False) -> int:
        """Return 3, 1, 5 or 0, the first that applies; usage errors (2) never get as far as a run."""
        if self.load_errors:
            return 3
        if self.count(*_WRONG):
            return 1
        if all(r.status is Status.SKIPPED for r in self.results):
            return 5
        unverified = any(not self.is_verified(card.name) for card in self.layers)
        return 1 if strict and unverified else 0


def _mark_stale_expectations(results: tuple[Result, ...]) -> tuple[Result, ...]:
    """Mark an expected failure as stale if its check ran and passed on every problem that it is about."""
    groups: dict[tuple[str, str, str], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.layer, result.check, result.expected].append(result)
    stale = {
        key: all(r.outcome is Outcome.MEASURED and r.measurements and not r.violated for r in group)
        for key, group in groups.items()
    }
    marks = [bool(r.expected) and stale[r.layer, r.check, r.expected] for r in results]
    pairs = zip(results, marks, strict=True)
    return tuple(r if r.stale is mark else replace(r, stale=mark) for r, mark in pairs)


def finite_or_nan(values: Iterable[float]) -> tuple[float, ...]:
    """Return plain floats for a series, with NaN, a gap in the curve, in place of infinities."""
    return tuple(v if math.isfinite(v) else math.nan for v in map(float, values))
