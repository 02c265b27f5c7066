"""The table of layers: verdict, order, gradient, memory, cost and capabilities of each, the worst first."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from nodecheck.report.gradient_accuracy import Accuracy, accuracies
from nodecheck.report.limits import LABEL
from nodecheck.report.numbers import number, shorten
from nodecheck.report.words import FAULTLESS, WORST_FIRST, Verdict, facts_of, layer_names, verdict
from nodecheck.results import ALSO_LOOKED_AT, LayerCard, Metric, Result, Run, Status

_FEWEST_FOLDED = 4  # right layers: fewer are shown beside the others
_CLASSES = (
    (re.compile(r"discretely consistent"), "discrete"),
    (re.compile(r"continuously consistent"), "continuous"),
    (re.compile(r" of order "), ", order "),
    (re.compile(r": its error shrinks with the tolerance, like "), ", "),
)
_LAW = re.compile(r"O\([^)]*\)(?: or O\([^)]*\))*")
_EVALUATIONS = re.compile(r"evaluations (forward|backward), (\d+) (steps|evaluations)")
# A capability, the check that sees it, and the fact with its start that say that the layer has it.
_CAPABILITIES = (
    ("output times", "output-times", "", ""),
    ("∂t", "time-gradients", ALSO_LOOKED_AT, "gradients with respect to times"),
    ("member times", "member-times", "", ""),
    ("log-det", "log-det-gradient", "", ""),
    ("second derivatives", "second-derivatives", "second derivatives", "right"),
    ("complex", "complex-state", "complex numbers", "work"),
    ("torch.func", "function-transforms", "function transforms", "works"),
    ("computed parameters", "computed-parameters", "", ""),
)
_REASON = 110  # characters of a verdict in the table


@dataclass(frozen=True)
class Cost:
    """Evaluations of the field: in the forward and in the backward pass, per step or in all."""

    forward: float = math.nan
    backward: float = math.nan
    unit: str = ""

    def __str__(self) -> str:
        if math.isnan(self.forward):
            return ""
        return number(self.forward) + ("" if math.isnan(self.backward) else f" + {number(self.backward)}")

    @property
    def total(self) -> float:
        """Those of both passes; of the forward pass alone where no other is known."""
        return self.forward + (0.0 if math.isnan(self.backward) else self.backward)


@dataclass(frozen=True)
class Row:
    """One layer in the table."""

    verdict: Verdict
    card: LayerCard | None
    order: str
    gradient: str
    accuracy: Accuracy | None
    memory: str
    cost: Cost
    capabilities: tuple[str, ...]
    folded: bool = False

    @property
    def name(self) -> str:
        """The name of the layer."""
        return self.verdict.layer

    @property
    def rank(self) -> int:
        """The place of its verdict, the worst first."""
        return WORST_FIRST.index(self.verdict.word)

    @property
    def faultless(self) -> bool:
        """True if no fault of the layer is known."""
        return self.verdict.word in FAULTLESS

    @property
    def reason(self) -> str:
        """The part of the verdict that the other columns do not have; "" for a layer that is right."""
        if self.faultless:
            return ""
        return shorten(self.verdict.text.partition(": ")[2].partition(", the rest")[0], _REASON)

    @property
    def claimed(self) -> str:
        """The order that is claimed."""
        return "" if self.card is None or self.card.order is None else str(self.card.order)


def layer_rows(run: Run) -> list[Row]:
    """Return a row for each layer, the worst first; right layers are folded where others are there."""
    accuracy = accuracies(run)
    rows = [_row(run, name, accuracy.get(name)) for name in layer_names(run)]
    faultless = sum(row.faultless for row in rows)
    fold = _FEWEST_FOLDED <= faultless < len(rows)
    rows = [replace(row, folded=fold and row.faultless) for row in rows]
    return sorted(rows, key=lambda row: row.rank)  # stable: the order of the run within a verdict


def folded_words(rows: Iterable[Row]) -> str:
    """Return the folded layers in words: 31 right layers."""
    words = Counter(row.verdict.word for row in rows if row.folded)
    parts = [f"{n} {word.value}" for word, n in words.items()]
    count = words.total()
    return f"{', '.join(parts)} layer{'s' if count != 1 else ''}" if count else ""


def _row(run: Run, name: str, accuracy: Accuracy | None) -> Row:
    results = run.of_layer(name)
    facts = facts_of(results)
    card = next((c for c in run.layers if c.name == name), None)
    law = _LAW.match(facts.get("memory law", ""))
    return Row(
        verdict(run, name),
        card,
        shorten(facts.get("order", ""), LABEL),
        _class(facts.get("gradient class", "")),
        accuracy,
        law.group() if law else "",
        cost(results),
        _capabilities(results),
    )


def _class(fact: str) -> str:
    """Return the class of a gradient in few words: continuous, order 3.9."""
    for pattern, words in _CLASSES:
        fact = pattern.sub(words, fact)
    return shorten(fact, LABEL)


def cost(results: Iterable[Result]) -> Cost:
    """Return the evaluations of a layer; per step where it has a fixed number of steps."""
    results = tuple(results)
    found: dict[str, Cost] = {}
    for metric in (m for r in results for m in r.metrics):
        if match := _EVALUATIONS.fullmatch(metric.name):
            phase, count, unit = match.groups()
            per = float(count) if unit == "steps" else 1.0
            words = "per step" if unit == "steps" else "in all"
            found[phase] = Cost(**{phase: metric.value / per}, unit=words)
    if "forward" in found:
        backward = found.get("backward", Cost()).backward
        return Cost(found["forward"].forward, backward, found["forward"].unit)
    return _forward_cost([m for r in results for m in r.metrics])


def _forward_cost(metrics: Iterable[Metric]) -> Cost:
    for metric in metrics:
        if metric.name == "evaluations per step":
            return Cost(metric.value, unit="per step")
        if metric.name.startswith("evaluations at tol"):
            return Cost(metric.value, unit=metric.name.removeprefix("evaluations "))
    return Cost()


def _capabilities(results: tuple[Result, ...]) -> tuple[str, ...]:
    """Return the capabilities beside y1 and its gradient whose check passed and that were not refused."""
    facts = facts_of(results)
    statuses: dict[str, set[Status]] = {}
    for r in results:
        if r.status is not Status.SKIPPED:
            statuses.setdefault(r.check, set()).add(r.status)
    return tuple(
        word
        for word, check, fact, start in _CAPABILITIES
        if statuses.get(check) == {Status.PASSED} and facts.get(fact, "").startswith(start)
    )
