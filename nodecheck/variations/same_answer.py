"""Ways to use a layer in which its answer must be the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from nodecheck.backends.torch.uses import Answer
from nodecheck.checks.contract.passes import resolution_of
from nodecheck.layers import Array, LayerUnderTest, TorchLayer
from nodecheck.layers.attempt import Refusal, attempt
from nodecheck.problems import Problem
from nodecheck.results import Evidence, Measurement, at_most
from nodecheck.variations.comparison import change, plain_answer, raised, sentence, unchanged

# No way of using a layer makes the equation harder: what takes so many times as long goes on for ever.
RUNAWAY = 20


class Way(Protocol):
    """A way to use a layer."""

    @property
    def words(self) -> str:
        """When it is."""

    @property
    def refusable(self) -> bool:
        """Whether a layer may say that it cannot do this: what asks for it can be written otherwise."""

    @property
    def judged(self) -> bool:
        """Whether another answer is a failure."""

    def answer(
        self, layer: TorchLayer, problem: Problem, resolution: float, cotangent: Array, limit: float
    ) -> Answer:
        """Build the layer anew and use it in this way, with up to `limit` evaluations of the field."""


@dataclass(frozen=True)
class _Found:
    """What one way shows: a measurement and what is wrong, or neither if the layer refuses it."""

    measurements: tuple[Measurement, ...] = ()
    diagnosis: str = ""

    @property
    def refused(self) -> bool:
        return not self.measurements


def same_answer(layer: LayerUnderTest, problem: Problem, ways: Iterable[Way], cotangent: Array) -> Evidence:
    """Return how the answers of a layer differ from that in plain use, and which ways it refuses."""
    plain = plain_answer(layer, problem, cotangent, resolution_of(layer))
    found = {way.words: _try(layer, problem, way, cotangent, plain) for way in ways}
    refused = ", ".join(words for words, one in found.items() if one.refused)
    return Evidence(
        tuple(m for one in found.values() for m in one.measurements),
        " ".join(one.diagnosis for one in found.values() if one.diagnosis),
        facts={"cannot be used": refused} if refused else {},
    )


def _try(layer: LayerUnderTest, problem: Problem, way: Way, cotangent: Array, plain: Answer) -> _Found:
    limit = RUNAWAY * plain.evaluations
    answer = attempt(lambda: way.answer(layer.claims, problem, resolution_of(layer), cotangent, limit))
    if isinstance(answer, Refusal):
        if way.refusable:
            return _Found()
        measurement, what = raised(way.words, answer)
        return _Found((measurement,), what)
    found = change(layer, problem, answer, plain, tolerance=resolution_of(layer))
    if found.missing and answer.warnings - plain.warnings:
        return _Found()
    measurements = [unchanged(way.words, found)]
    sentences = [] if measurements[0].holds else [sentence(found, way.words)]
    if sentences and not way.judged:
        return _Found()
    if answer.stray:
        measurements.append(at_most(f"tensors that require a gradient {way.words}", len(answer.stray), 0))
        sentences.append(f"{' and '.join(answer.stray)} is made to require a gradient {way.words}.")
    if answer.mode_changed:
        measurements.append(at_most(f"modules in another mode afterwards {way.words}", 1, 0))
        sentences.append(f"The dynamics is in another mode afterwards {way.words}.")
    return _Found(tuple(measurements), " ".join(sentences))
