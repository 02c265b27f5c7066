"""The memory of layers over a ladder of steps: measured level by level, so that nothing measured is lost."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from rich.table import Table
from rich.text import Text

from nodecheck.checks import Check, Inconclusive
from nodecheck.checks.footprints import Footprints, Pass, measured_levels, summarise
from nodecheck.checks.memory import curves, judge_law, memory_law
from nodecheck.checks.resident import LEVELS, process_curve, process_memory
from nodecheck.checks.witness import hear_witness
from nodecheck.growth import FEWEST_LEVELS
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.results import Evidence, Result, Series
from nodecheck.runner import InProcess, Plan, card_of, examine, make_plan

_LEVELS = 10
PLOTS = {"cpu": "Memory", "cuda": "Memory on CUDA"}


@dataclass
class MemoryLadder:
    """Measures layers over one ladder, and remembers every level.

    Attributes
    ----------
    steps, widths, devices, process
        What is measured: the ladder, the two widths of the state, where, and whether in child processes too.
    notes
        Facts about the measurement that every result carries: what could not be measured here, and why.
    advance
        Called with the name of the layer after each level.
    levels, footprints
        What was measured, by layer and device.
    layers
        The layers, by name.
    targets
        The target of each layer: child processes import by it.
    """

    steps: tuple[int, ...]
    widths: tuple[int, int]
    devices: tuple[str, ...] = ("cpu",)
    process: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)
    advance: Callable[[str], object] = lambda _name: None
    levels: dict[tuple[str, str], list[tuple[int, tuple[Pass, ...]]]] = field(default_factory=dict)
    footprints: dict[tuple[str, str], Footprints] = field(default_factory=dict)
    layers: dict[str, TorchLayer] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How often `advance` is called for a layer."""
        return len(self.steps) * len(self.devices) + (len(LEVELS) if self.process else 0)

    def measure(self, layer: LayerUnderTest) -> Evidence:
        """Return what the whole ladder says about the memory law of a layer."""
        for device in self.devices:
            found = self.levels.setdefault((layer.name, device), [])
            for level in measured_levels(
                layer.claims, sys.maxsize, live=True, device=device, ladder=self.steps, widths=self.widths
            ):
                found.append(level)
                self.advance(layer.name)
        evidence = self.judge(layer)
        return self._with_process(layer.claims, evidence) if self.process else evidence

    def judge(self, layer: LayerUnderTest) -> Evidence:
        """Return what the levels measured so far say, on all devices together."""
        for device in self.devices:
            found = self.levels.get((layer.name, device), [])
            if len(found) > 1:
                self.footprints[layer.name, device] = summarise(layer.claims, found, self.widths)
            if len(found) < FEWEST_LEVELS:
                message = f"{len(found)} levels were measured, a growth law needs {FEWEST_LEVELS}"
                raise Inconclusive(message)
        return self._together(
            [
                judge_law(self.footprints[layer.name, device], layer.claims.memory, PLOTS[device])
                for device in self.devices
            ]
        )

    def _together(self, evidence: Sequence[Evidence]) -> Evidence:
        """Return the evidence of all devices as one; that of the first gives the facts their names."""
        suffixes = ["", *(f" on {device}" for device in self.devices[1:])]
        named = list(zip(suffixes, evidence, strict=True))
        facts = {f"{name}{where}": value for where, one in named for name, value in one.facts.items()}
        return Evidence(
            tuple(m for one in evidence for m in one.measurements),
            " ".join(filter(None, (one.diagnosis for one in evidence))),
            tuple(s for one in evidence for s in one.series),
            {**facts, "device": " and ".join(self.devices), **self.notes},
            tuple(replace(m, name=m.name + where) for where, one in named for m in one.metrics),
        )

    def _with_process(self, layer: TorchLayer, evidence: Evidence) -> Evidence:
        found = process_memory(layer, self.targets[layer.name], lambda: self.advance(layer.name))
        evidence = hear_witness(evidence, self.footprints[layer.name, "cpu"], found, layer.memory)
        return replace(evidence, series=(*evidence.series, process_curve(layer, found)))

    def examine(self, plan: Plan) -> Iterator[Result]:
        """Yield the results of a plan, measured in this process."""
        return examine(plan, InProcess(self.layers.values(), plan.profile, plan.seed))

    def unfinished(self, plan: Plan, done: Sequence[Result]) -> Iterator[Result]:
        """Yield a result for each layer that was begun and has none yet, from the levels there are."""
        begun = {name for name, _ in self.levels} - {result.layer for result in done}
        cards = tuple(card for card in plan.cards if card.name in begun)
        check = replace(memory_law, function=self.judge)
        for result in self.examine(replace(plan, cards=cards, checks=(check,))):
            yield result if result.series else replace(result, series=self._curves(result.layer))

    def _curves(self, name: str) -> tuple[Series, ...]:
        found = ((device, self.footprints.get((name, device))) for device in self.devices)
        return tuple(s for device, prints in found if prints for s in curves(prints, PLOTS[device]))


def memory_plan(layers: Mapping[str, tuple[TorchLayer, ...]], ladder: MemoryLadder) -> Plan:
    """Return the plan that measures the memory law of layers over a ladder, and nothing else."""
    cards = [card_of(layer, target) for target, group in layers.items() for layer in group]
    ladder.layers.update({layer.name: layer for group in layers.values() for layer in group})
    ladder.targets.update({card.name: card.target for card in cards})
    check: Check = replace(memory_law, function=ladder.measure)
    plan = make_plan(cards, profile="full", select=memory_law.id, seed=0)
    return replace(plan, checks=(check,))


def ladder_of(steps: str) -> tuple[int, ...]:
    """Return the ladder that "A:B" stands for: both ends, and between them squares in geometric distance.

    Squares, because a scheme with √n segments of √n steps then has no jitter in its counts.

    Raises
    ------
    ValueError
        If the text is not of this form, or leaves too few levels to tell growth laws apart.
    """
    ends = re.fullmatch(r"(\d{1,7}):(\d{1,7})", steps)
    first, last = map(int, ends.groups()) if ends else (0, 0)
    inner = np.geomspace(first, last, _LEVELS)[1:-1] if 0 < first < last else ()
    squares = (round(math.sqrt(n)) ** 2 for n in inner)
    ladder = tuple(sorted({first, *(n for n in squares if first < n < last), last}))
    if len(ladder) < FEWEST_LEVELS or not first:
        message = (
            f"--steps must be FIRST:LAST, two whole numbers with room for {FEWEST_LEVELS} levels, "
            f"got {steps!r}; 10:1000 is the usual ladder"
        )
        raise ValueError(message)
    return ladder


def table(ladder: MemoryLadder) -> Table:
    """Return the memory of all layers as a table: the law, and the states held at the end of the ladder."""
    titles = ("law", "at the peak", "saved", "forward", "backward")
    caption = (
        "In states, each as large as y. Saved, forward peak and backward peak: at the end of the ladder."
    )
    result = Table("layer", *titles, caption=caption, caption_justify="left")
    result.columns[0].overflow = "fold"
    for (name, device), prints in ladder.footprints.items():
        where = f" on {device}" if len(ladder.devices) > 1 else ""
        ends = map(_last, (prints.saved, prints.forward, prints.backward))
        result.add_row(*(Text(cell) for cell in (name + where, *_law(prints), *ends)))
    return result


def _law(prints: Footprints) -> tuple[str, str]:
    """Return the law, and the states per step where it is linear, else how many there are."""
    states = prints.states
    if len(states) < FEWEST_LEVELS:
        return "too few levels", f"{states[-1]:.5g}"
    fit = prints.fit(states)
    per_step = fit.decided and fit.law == "linear"
    return fit.symbol, f"{fit.rate:.4g} per {prints.unit[:-1]}" if per_step else f"{max(states):.5g}"


def _last(states: tuple[float, ...] | None) -> str:
    return "not measured" if states is None else f"{states[-1]:.5g}"
