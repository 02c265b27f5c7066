"""Variations of the use of a layer under which its answer must be the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from nodecheck.layers import Array, LayerUnderTest, Refusal, Solution, Solve, Variation, attempt
from nodecheck.measure.runaway import limit_beside
from nodecheck.problems import Problem
from nodecheck.results import Evidence, Measurement, Skip, at_most
from nodecheck.variations.comparison import compare, raised, sentence, unchanged, usual_resolution


@dataclass(frozen=True)
class _Found:
    """The measurements of one variation and a sentence; neither if the layer refuses it, or by a fact."""

    measurements: tuple[Measurement, ...] = ()
    diagnosis: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


def same_answer(
    layer: LayerUnderTest,
    problem: Problem,
    variations: Iterable[Variation],
    cotangent: Array,
    expected: Mapping[str, Solution] = MappingProxyType({}),
) -> Evidence:
    """Return the differences of a layer's answers to that in plain use, and the refused variations.

    Parameters
    ----------
    expected
        The right answers of variations that have another one, by their names.
    """
    plain = layer.solution(Solve(problem, usual_resolution(layer)), (cotangent,))
    asked = [v for v in variations if v.name in layer.backend.capabilities]
    found = {v.when: _try(layer, problem, v, cotangent, expected.get(v.name, plain)) for v in asked}
    refused = ", ".join(when for when, one in found.items() if not (one.measurements or one.facts))
    facts = {name: value for one in found.values() for name, value in one.facts.items()}
    return Evidence(
        tuple(m for one in found.values() for m in one.measurements),
        " ".join(one.diagnosis for one in found.values() if one.diagnosis),
        facts={"cannot be used": refused, **facts} if refused else facts,
    )


def _try(
    layer: LayerUnderTest, problem: Problem, variation: Variation, cotangent: Array, right: Solution
) -> _Found:
    resolution = usual_resolution(layer)
    solve = Solve(problem, resolution, variation=variation, limit=limit_beside(right))
    found = attempt(lambda: layer.fresh(solve, (cotangent,)))
    if isinstance(found, Refusal):
        if isinstance(found.error, Skip):
            return _Found(facts={f"not tried {variation.when}": str(found.error)})
        if variation.refusable and variation.capability not in layer.claims.supports:
            return _Found()
        measurement, text = raised(variation.when, found)
        return _Found((measurement,), text)
    if found.past_hooks:
        return _Found(
            facts={"dynamics": "called by its forward method, so that its forward hooks do not run"}
        )
    change = compare(layer, problem, found, right, tolerance=resolution)
    same = unchanged(variation.when, change)
    measurements, sentences = _side_effects(variation, found)
    judged = variation.judged or variation.capability in layer.claims.supports
    if judged or same.holds:
        measurements.insert(0, same)
        sentences.insert(
            0, "" if same.holds else f"{sentence(change, variation.when)} {variation.cause}".strip()
        )
    return _Found(tuple(measurements), " ".join(filter(None, sentences)))


def _side_effects(variation: Variation, found: Solution) -> tuple[list[Measurement], list[str]]:
    """Return the measurements of what a layer left changed, and sentences; none if it left nothing."""
    measurements, sentences = [], []
    if found.stray:
        name = f"tensors that require a gradient {variation.when}"
        measurements.append(at_most(name, len(found.stray), 0))
        sentences.append(f"{' and '.join(found.stray)} is made to require a gradient {variation.when}.")
    if found.changed:
        name = f"inputs or settings changed {variation.when}"
        measurements.append(at_most(name, len(found.changed), 0))
        text = f"Changed by the layer {variation.when}: {', '.join(found.changed)}. {variation.cause}"
        sentences.append(text.strip())
    return measurements, sentences
