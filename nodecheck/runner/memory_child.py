"""What `nodecheck memory` lets a child process do: one level of a ladder, or the judgement of all levels.

Each function returns a result as JSON, and its answer where the layer did as it was asked.  Levels are asked
for one by one, so that a child that is lost takes none of those with it that were measured before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from nodecheck.backends.torch.memory.process import ProcessMemory
from nodecheck.checks.memory.law import judge_law, memory_law
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.measure.memory.footprints import Footprints, summarise
from nodecheck.measure.memory.ladder import at_level
from nodecheck.measure.memory.pass_memory import Pass, at_most_states
from nodecheck.measure.memory.pass_memory import measure as measure_pass
from nodecheck.measure.memory.process import process_curve, use_once
from nodecheck.measure.memory.witness import hear_witness
from nodecheck.numerics.growth import FEWEST_LEVELS
from nodecheck.options.profile import FULL
from nodecheck.results import Evidence, Inconclusive
from nodecheck.runner.child import limit_memory, seen_to_exit
from nodecheck.runner.journal import encode
from nodecheck.runner.measure import blank, measure, raised
from nodecheck.targets.discovery import load_target

_T = TypeVar("_T")
Level: TypeAlias = tuple[int, tuple[Pass, ...]]
PLOTS = {"cpu": "Memory", "cuda": "Memory on CUDA"}


def passes(
    target: str, name: str, level: int, device: str, widths: tuple[int, int], warm_up: bool, seconds: float
) -> tuple[bytes, tuple[Pass, ...] | None]:
    """Measure one pass for each width at a level; `warm_up`: once more before, and not counted."""

    def measured(layer: TorchLayer) -> tuple[Pass, Pass]:
        asked = (*widths[: int(warm_up)], *widths)
        found = [measure_pass(layer, *at_level(layer, level, w), live=True, device=device) for w in asked]
        return at_most_states(*found[-2:])

    return _answer(target, name, seconds, measured)


def judge(
    target: str,
    name: str,
    levels: Mapping[str, Sequence[Level]],
    widths: tuple[int, int],
    process: ProcessMemory | None,
    seconds: float,
) -> tuple[bytes, Mapping[str, Footprints]]:
    """Say what the levels amount to on each device, and what the process as a witness adds, if there is one.

    The answer has the footprints of each device with levels enough for some, whatever the result is.
    """
    prints: dict[str, Footprints] = {}

    def judged(layer: TorchLayer) -> Evidence:
        for device, found in levels.items():
            if len(found) > 1:
                prints[device] = summarise(layer, list(found), widths)
            if len(found) < FEWEST_LEVELS:
                message = f"{len(found)} levels were measured, a growth law needs {FEWEST_LEVELS}"
                raise Inconclusive(message)
        evidence = together({d: judge_law(prints[d], layer.memory, PLOTS[d]) for d in levels})
        if process is None:
            return evidence
        evidence = hear_witness(evidence, prints["cpu"], process, layer.memory)
        return replace(evidence, series=(*evidence.series, process_curve(process, adaptive=layer.adaptive)))

    with seen_to_exit():
        return _result(target, name, seconds, judged), prints


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


def use(
    target: str, name: str, level: int, run: bool, memory_limit: int, seconds: float
) -> tuple[bytes, tuple[int, int] | None]:
    """Use a layer once, or only build it, in a process that is there for nothing else; see `use_once`."""
    limit_memory(memory_limit)
    return _answer(target, name, seconds, lambda layer: use_once(layer, level, run=run))


def _answer(
    target: str, name: str, seconds: float, ask: Callable[[TorchLayer], _T]
) -> tuple[bytes, _T | None]:
    """Return a result without evidence and what `ask` returned; None if the result says why it did not."""
    answers: list[_T] = []

    def asked(layer: TorchLayer) -> Evidence:
        answers.append(ask(layer))
        return Evidence(())

    with seen_to_exit():
        return _result(target, name, seconds, asked), answers[0] if answers else None


def _result(target: str, name: str, seconds: float, function: Callable[[TorchLayer], Evidence]) -> bytes:
    check = replace(memory_law, function=lambda layer: function(layer.claims))
    under_test = LayerUnderTest(_layer(target, name), replace(FULL, seconds=seconds), seed=0)
    try:
        return encode(measure(check, None, under_test))
    except KeyboardInterrupt as error:  # Ctrl-C does not come here: the layer has raised it
        return encode(raised(blank(name, check, None, seed=0), check, error))


@functools.lru_cache(maxsize=1)
def _layer(target: str, name: str) -> TorchLayer:
    """Return the layer; the same object each time, because lengths of intervals are kept for it."""
    return next(layer for layer in load_target(target) if layer.name == name)
