"""The memory of layers over a ladder of steps: measured level by level, so that nothing measured is lost."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from rich.table import Table
from rich.text import Text

from nodecheck.backends.torch.memory.process import ProcessLost, ProcessMemory, peak_resident
from nodecheck.checks import Check
from nodecheck.checks.memory.law import curves, memory_law
from nodecheck.measure.memory.footprints import Footprints
from nodecheck.measure.memory.process import LEVELS, process_memory
from nodecheck.numerics.growth import FEWEST_LEVELS
from nodecheck.problems import Problem
from nodecheck.results import LayerCard, Result, Series
from nodecheck.runner import memory_child
from nodecheck.runner.examine import examine
from nodecheck.runner.isolation import SECONDS_TO_IMPORT, Child, Lost, how_it_ended
from nodecheck.runner.journal import decode
from nodecheck.runner.measure import blank
from nodecheck.runner.plan import Plan, make_plan

_T = TypeVar("_T")
_LEVELS = 10


class NoAnswer(Exception):
    """A layer was asked for something and raised, or took its process with it: the result says which."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.reason)
        self.result = result


@dataclass
class MemoryLadder:
    """Measures layers over one ladder, each in a child process, and remembers every level.

    Attributes
    ----------
    steps, widths, devices, process
        What is measured: the ladder, the two widths of the state, where, and whether in fresh processes too.
    memory_limit, seconds
        Bytes that the process of a layer may allocate; time limit of one level.
    notes
        Facts about the measurement that every result carries: what could not be measured here, and why.
    advance
        Called with the name of the layer after each level.
    levels, footprints
        What was measured, by layer and device.
    """

    steps: tuple[int, ...]
    widths: tuple[int, int]
    memory_limit: int
    seconds: float
    devices: tuple[str, ...] = ("cpu",)
    process: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)
    advance: Callable[[str], object] = lambda _name: None
    levels: dict[tuple[str, str], list[memory_child.Level]] = field(default_factory=dict)
    footprints: dict[tuple[str, str], Footprints] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How often `advance` is called for a layer."""
        return len(self.steps) * len(self.devices) + (len(LEVELS) if self.process else 0)

    def examine(self, plan: Plan) -> Iterator[Result]:
        """Yield the results of a plan as they come."""
        return examine(plan, self._measure)

    def unfinished(self, plan: Plan, done: Sequence[Result]) -> Iterator[Result]:
        """Yield a result for each layer that was begun and has none yet, from the levels there are."""
        begun = {name for name, _ in self.levels} - {result.layer for result in done}
        cards = tuple(card for card in plan.cards if card.name in begun)
        return examine(replace(plan, cards=cards), self._judge_in_a_child)

    def _measure(self, card: LayerCard, _check: Check, _problem: Problem | None) -> Result:
        """Return what the whole ladder says about a layer; where it breaks off, how far it came."""
        clock = time.perf_counter()
        with Child(self.memory_limit) as child:
            try:
                self._climb(child, card)
                result = self._judge(child, card, self._witness(card) if self.process else None)
            except NoAnswer as error:
                self._judge(child, card)
                result = error.result
            result = replace(result, output=child.output.take())
        return self._complete(result, time.perf_counter() - clock)

    def _judge_in_a_child(self, card: LayerCard, _check: Check, _problem: Problem | None) -> Result:
        clock = time.perf_counter()
        with Child(self.memory_limit) as child:
            result = self._judge(child, card)
        return self._complete(result, time.perf_counter() - clock)

    def _complete(self, result: Result, seconds: float) -> Result:
        """Return a result with what was measured, also where that decides nothing."""
        found = ((d, self.footprints.get((result.layer, d))) for d in self.devices)
        drawn: tuple[Series, ...] = result.series or tuple(
            s for device, prints in found if prints for s in curves(prints, memory_child.PLOTS[device])
        )
        return replace(result, series=drawn, facts={**result.facts, **self.notes}, seconds=seconds)

    def _climb(self, child: Child, card: LayerCard) -> None:
        for device in self.devices:
            found = self.levels.setdefault((card.name, device), [])
            for level in self.steps:
                asked = (level, device, self.widths, not found)
                try:
                    found.append((level, self._ask(child, card, memory_child.passes, *asked)))
                except NoAnswer as error:
                    where = f"level {level} of the ladder" + (
                        f" on {device}" if len(self.devices) > 1 else ""
                    )
                    raise NoAnswer(_located(error.result, where)) from error
                self.advance(card.name)

    def _ask(self, child: Child, card: LayerCard, function: Callable[..., Any], *arguments: object) -> Any:
        """Return the answer of a function of `memory_child`.

        Raises
        ------
        NoAnswer
            If there is none.
        """
        named = (card.target, card.name, *arguments, self.seconds)
        try:
            line, answer = child.call(function, *named, seconds=self.seconds)
        except Lost as error:
            raise NoAnswer(_lost(card, str(error))) from error
        if answer is None:
            raise NoAnswer(decode(line))
        return answer

    def _judge(self, child: Child, card: LayerCard, process: ProcessMemory | None = None) -> Result:
        """Return what the levels measured so far say, on all devices together."""
        levels = {device: self.levels.get((card.name, device), []) for device in self.devices}
        named = (card.target, card.name, levels, self.widths, process, self.seconds)
        try:
            line, prints = child.call(memory_child.judge, *named, seconds=self.seconds)
        except Lost as error:
            return _lost(card, str(error))
        self.footprints |= {(card.name, device): found for device, found in prints.items()}
        return decode(line)

    def _witness(self, card: LayerCard) -> ProcessMemory:
        def use(level: int, run: bool) -> tuple[int, tuple[int, int]]:
            named = (card.target, card.name, level, run, self.memory_limit, self.seconds)
            limit, where = SECONDS_TO_IMPORT + self.seconds, f"level {level} in a process of its own"
            try:
                peak, (line, answer) = peak_resident(memory_child.use, *named, seconds=limit)
            except ProcessLost as error:
                ended = how_it_ended(error.exitcode) if error.exitcode is not None else _too_long(limit)
                raise NoAnswer(_located(_lost(card, ended), where)) from error
            if answer is None:
                raise NoAnswer(_located(decode(line), where))
            return peak, answer

        adaptive = card.resolution == "tol"
        return process_memory(use, adaptive=adaptive, advance=lambda: self.advance(card.name))


def _too_long(seconds: float) -> str:
    return f"did not end within {seconds:g} seconds, and its process had to be killed"


def _lost(card: LayerCard, ended: str) -> Result:
    nothing = replace(blank(card.name, memory_law, None, seed=0), title=memory_law.failure_title)
    return replace(nothing, reason=f"the layer {ended}")


def _located(result: Result, where: str) -> Result:
    """Return the result with where on the ladder it comes from in front of its reason."""
    return replace(result, reason=f"At {where}: {result.reason}")


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
    inner = np.geomspace(first, last, _LEVELS)[1:-1] if 0 < first < last else ()
    squares = (round(math.sqrt(n)) ** 2 for n in inner)
    ladder = tuple(sorted({first, *(n for n in squares if first < n < last), last}))
    if len(ladder) < FEWEST_LEVELS or not first:
        message = (
            f"--steps must be FIRST:LAST, from 1 step or more up, with room for {FEWEST_LEVELS} levels, "
            f"got {steps!r}; 10:1000 is the usual ladder"
        )
        raise ValueError(message)
    return ladder


def table(ladder: MemoryLadder) -> Table:
    """Return the memory of all layers as a table: the law, and the states held at the end of the ladder."""
    titles = ("law", "at the peak", "saved", "forward", "backward")
    caption = (
        "In states, each as large as y, when most of them are alive. Saved, forward and backward: at the end "
        "of the ladder."
    )
    if "cuda" in ladder.devices:
        caption += " On cuda: when most bytes are, so a time grid that outweighs the states hides some."
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
