"""The memory of layers over a ladder of steps: measured level by level, so that nothing measured is lost."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from nodecheck.checks import Check
from nodecheck.checks.memory.law import memory_law
from nodecheck.layers import Backend, LayerUnderTest
from nodecheck.measure.memory.footprints import Footprints, summarise
from nodecheck.measure.memory.ladder import at_level
from nodecheck.measure.memory.law import curves, judge_law
from nodecheck.measure.memory.pass_memory import PassMemory, at_most_states, measure_pass
from nodecheck.measure.memory.process import ProcessMemory, process_curve, process_memory, with_process
from nodecheck.numerics import constants
from nodecheck.numerics.constants import FEWEST_GROWTH_LEVELS, LEVELS_OF_A_LADDER
from nodecheck.options.profile import FULL
from nodecheck.problems import Problem
from nodecheck.results import Evidence, Inconclusive, LayerCard, Outcome, Result, Series
from nodecheck.runner.examine import examine
from nodecheck.runner.isolation import SECONDS_TO_IMPORT, Child, how_it_ended
from nodecheck.runner.measure import Raised, blank, measured_result
from nodecheck.runner.plan import Plan, make_plan
from nodecheck.runner.remote import LayerLost, RemoteBackend, use_once_here
from nodecheck.runner.resident_memory import ProcessLost, peak_resident

_PLOTS = {"cpu": "Memory", "cuda": "Memory on CUDA"}
_Levels = list[tuple[int, tuple[PassMemory, ...]]]


@dataclass
class MemoryLadder:
    """Measures layers over one ladder, each in a child process, and remembers every level.

    Attributes
    ----------
    steps, widths, devices, process
        The ladder, the two widths of the state, the devices, and True for fresh processes too.
    memory_limit, seconds
        Bytes that the process of a layer may allocate; time limit of one solve.
    notes
        Facts about the measurement that every result carries: devices that could not be measured, and why.
    advance
        Called with the name of the layer after each level.
    levels, footprints
        The measured levels and their footprints, by layer and device.
    """

    steps: tuple[int, ...]
    widths: tuple[int, int]
    memory_limit: int
    seconds: float
    devices: tuple[str, ...] = ("cpu",)
    process: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)
    advance: Callable[[str], object] = lambda _name: None
    levels: dict[tuple[str, str], _Levels] = field(default_factory=dict)
    footprints: dict[tuple[str, str], Footprints] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of calls of `advance` for a layer."""
        return len(self.steps) * len(self.devices) + self.process * len(constants.PROCESS_LEVELS)

    def examine(self, plan: Plan) -> Iterator[Result]:
        """Yield the results of a plan as they come."""
        return examine(plan, self._measure)

    def unfinished(self, plan: Plan, done: Sequence[Result]) -> Iterator[Result]:
        """Yield the results of an interrupted run, with one for each layer that was begun, by its levels."""
        yield from done
        begun = {name for name, _ in self.levels} - {result.layer for result in done}
        cards = tuple(card for card in plan.cards if card.name in begun)
        yield from examine(replace(plan, cards=cards), self._measure_no_more)

    def _measure(self, card: LayerCard, check: Check, _problem: Problem | None) -> Result:
        """Return the result of the whole ladder; where it breaks off, with the levels until then."""
        return self._in_a_child(card, check, climb=True)

    def _measure_no_more(self, card: LayerCard, check: Check, _problem: Problem | None) -> Result:
        """Return the result of the levels that were measured before."""
        return self._in_a_child(card, check, climb=False)

    def _in_a_child(self, card: LayerCard, check: Check, *, climb: bool) -> Result:
        clock = time.perf_counter()
        nothing = blank(card.name, check, None, seed=0)
        with Child(self.memory_limit) as child:
            # The measurement of memory solves, and asks for nothing else of a backend.
            remote = cast("Backend", RemoteBackend(child, card, self.seconds))
            layer = LayerUnderTest(card, FULL, backend=remote)
            try:
                if climb:
                    self._climb(layer)
                witness = self._witness(card) if climb and self.process else None
                result = measured_result(nothing, check, self._judge(layer, witness))
            except Inconclusive as error:
                result = replace(nothing, outcome=Outcome.INCONCLUSIVE, reason=str(error))
            except LayerLost as error:
                result = replace(nothing, reason=str(error), diagnosis=error.where, title=check.failure_title)
                self._summarise_what_there_is(layer)
            result = replace(result, output=child.output.take())
        return self._complete(result, time.perf_counter() - clock)

    def _complete(self, result: Result, seconds: float) -> Result:
        """Return a result with the measured curves, also where they decide nothing."""
        found = ((d, self.footprints.get((result.layer, d))) for d in self.devices)
        series: tuple[Series, ...] = result.series or tuple(
            s for device, prints in found if prints for s in curves(prints, _PLOTS[device])
        )
        return replace(result, series=series, facts={**result.facts, **self.notes}, seconds=seconds)

    def _climb(self, layer: LayerUnderTest) -> None:
        """Measure level after level on each device."""
        for device in self.devices:
            found = self.levels.setdefault((layer.name, device), [])
            for level in self.steps:
                try:
                    found.append((level, self._passes(layer, level, device, warm_up=not found)))
                except LayerLost as error:
                    where = f"level {level} of the ladder"
                    if len(self.devices) > 1:
                        where += f" on {device}"
                    raise _located(error, where) from error
                self.advance(layer.name)

    def _passes(
        self, layer: LayerUnderTest, level: int, device: str, *, warm_up: bool
    ) -> tuple[PassMemory, ...]:
        """Return one pass for each width at a level; with `warm_up` one more before, which does not count."""
        asked = (*self.widths[: int(warm_up)], *self.widths)
        found = [measure_pass(layer, at_level(layer, level, w, device), live=True) for w in asked]
        return at_most_states(*found[-2:])

    def _judge(self, layer: LayerUnderTest, witness: ProcessMemory | None) -> Evidence:
        """Return the evidence of the levels on all devices, and of fresh processes if there are some."""
        claim = layer.claims.memory
        evidence = {}
        for device in self.devices:
            found = self.levels.get((layer.name, device), [])
            prints = self._summarise(layer, device)
            if prints is None or len(found) < FEWEST_GROWTH_LEVELS:
                message = f"{len(found)} levels were measured, a growth law needs {FEWEST_GROWTH_LEVELS}"
                raise Inconclusive(message)
            evidence[device] = judge_law(prints, claim, _PLOTS[device])
        judged = together(evidence)
        if witness is None:
            return judged
        judged = with_process(judged, self.footprints[layer.name, "cpu"], witness, claim)
        curve = process_curve(witness, adaptive=layer.adaptive)
        return replace(judged, series=(*judged.series, curve))

    def _summarise(self, layer: LayerUnderTest, device: str) -> Footprints | None:
        """Return the footprints of a device, and remember them; None with fewer than two levels."""
        found = self.levels.get((layer.name, device), [])
        if len(found) < 2:
            return None
        prints = self.footprints[layer.name, device] = summarise(layer, found, self.widths)
        return prints

    def _summarise_what_there_is(self, layer: LayerUnderTest) -> None:
        """Remember the footprints of the levels before the layer was lost, if it can still be asked."""
        for device in self.devices:
            try:
                self._summarise(layer, device)
            except (LayerLost, Inconclusive):
                return

    def _witness(self, card: LayerCard) -> ProcessMemory:
        def use(level: int, run: bool) -> tuple[int, tuple[int, int]]:
            named = (card.target, card.name, level, run, self.memory_limit, self.seconds)
            limit, where = SECONDS_TO_IMPORT + self.seconds, f"level {level} in a process of its own"
            try:
                peak, found = peak_resident(use_once_here, *named, seconds=limit)
            except ProcessLost as error:
                ended = how_it_ended(error.exitcode) if error.exitcode is not None else _too_long(limit)
                raise _located(LayerLost(f"the layer {ended}"), where) from error
            if isinstance(found, Raised):
                raise _located(LayerLost(found.reason, found.where), where)
            return peak, found

        return process_memory(use, adaptive=card.adaptive, advance=lambda: self.advance(card.name))


def together(evidence: Mapping[str, Evidence]) -> Evidence:
    """Return the evidence of all devices as one; that of the first gives the facts their names."""
    suffixes = ["", *(f" on {device}" for device in list(evidence)[1:])]
    named = list(zip(suffixes, evidence.values(), strict=True))
    facts = {f"{fact}{where}": value for where, one in named for fact, value in one.facts.items()}
    return Evidence(
        tuple(m for one in evidence.values() for m in one.measurements),
        " ".join(filter(None, (one.diagnosis for one in evidence.values()))),
        tuple(s for one in evidence.values() for s in one.series),
        {**facts, "device": " and ".join(evidence)},
        tuple(replace(m, name=m.name + where) for where, one in named for m in one.metrics),
    )


def _too_long(seconds: float) -> str:
    return f"did not end within {seconds:g} seconds, and its process had to be killed"


def _located(error: LayerLost, where: str) -> LayerLost:
    """Return the error with its place on the ladder in front of its reason."""
    return LayerLost(f"At {where}: {error}", error.where)


def memory_plan(cards: Sequence[LayerCard]) -> Plan:
    """Return the plan that measures the memory law of layers, and nothing else."""
    plan = make_plan(cards, profile="full", select=memory_law.id, seed=0)
    return replace(plan, checks=(memory_law,))


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
    inner = np.geomspace(first, last, LEVELS_OF_A_LADDER)[1:-1] if 0 < first < last else ()
    squares = (round(math.sqrt(n)) ** 2 for n in inner)
    ladder = tuple(sorted({first, *(n for n in squares if first < n < last), last}))
    if len(ladder) < FEWEST_GROWTH_LEVELS or not first:
        message = (
            f"--steps must be FIRST:LAST, from 1 step or more up, with room for {FEWEST_GROWTH_LEVELS} "
            f"levels, got {steps!r}; 10:1000 is the usual ladder"
        )
        raise ValueError(message)
    return ladder
