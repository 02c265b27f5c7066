"""The same numbers in batches, states and parameters of other sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import is_dataclass, replace
from functools import partial

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest, Refusal, attempt, is_odd
from nodecheck.layers.layer import EVEN
from nodecheck.results import Evidence, Inconclusive, Measurement
from nodecheck.variations.comparison import judge_same
from nodecheck.variations.shapes import rearranged, shapes_for, spread
from nodecheck.variations.units import iterates


@check(
    title="Other sizes give the same answer",
    failure_title="Other sizes give another answer",
    theme="Forward",
    kind="identity",
    needs="backward-pass",
    profile="ci",
    cite="SciMLSensitivity issue 1207: wrong derivatives for large problems only",
)
def other_sizes(layer: LayerUnderTest) -> Evidence:
    """Solve twelve copies of one scalar equation, from twelve numbers, in arrays of several shapes.

    No component depends on another one, so a batch of one, a state of one component, a large batch and a wide
    state must give the answer of a (4, 3) array, rearranged; twelve times as many numbers give twelve times
    the gradient of a parameter.  Nor does it matter whether parameters are vectors, scalars, or one array of
    three axes.  A special case, a threshold, a sum over the wrong axis show here.

    A layer that needs an even number of components, by "even" in `supports`, is asked for no other, and each
    half of its state keeps its numbers: positions stay positions.

    A fixed-step layer does so to half of the digits, since it may take derivatives by differences; an
    adaptive one to its tolerance.
    """
    measurements, sentences = zip(*_judged(layer), strict=True)
    wrong = " ".join(filter(None, sentences))
    if wrong and not layer.adaptive and iterates(layer):
        message = f"the layer iterates to some tolerance, whose norm may depend on sizes: {wrong}"
        raise Inconclusive(message)
    usual = f"Compared with y0 of shape {shapes_for(layer).usual.y0.shape}."
    return Evidence(
        measurements, f"{wrong} {usual} {_explain_halves(layer, measurements)}".strip() if wrong else ""
    )


def _judged(layer: LayerUnderTest) -> list[tuple[Measurement, str]]:
    """Return the change for each of the other shapes, and a sentence about it."""
    shapes = shapes_for(layer)
    (cotangent,) = layer.cotangents(shapes.usual, 1)
    return [
        judge_same(
            when,
            layer,
            other,
            spread(cotangent, other.y0.shape, shapes.parts),
            partial(rearranged, layer, other),
        )
        for when, other in shapes.others
    ]


def _explain_halves(layer: LayerUnderTest, measurements: Sequence[Measurement]) -> str:
    """Return the remedy for a layer that is right as long as each half of the state stays one; else "".

    It is wrong in all other states of an even number of components, whose halves hold other numbers.
    """
    claims = layer.claims
    others = zip(measurements, shapes_for(layer).others, strict=True)
    usual = shapes_for(layer).usual.y0.shape
    changed = all(not m.holds for m, (_, p) in others if p.y0.shape != usual and not is_odd(p))
    if layer.needs_even or not changed or not is_dataclass(claims):
        return ""
    claims = replace(claims, supports=frozenset(claims.supports) | {EVEN})
    even = LayerUnderTest(claims, layer.profile, layer.seed, layer.backend, **layer.place)
    judged = attempt(lambda: _judged(even))
    if isinstance(judged, Refusal) or not all(m.holds for m, _ in judged):
        return ""
    return (
        "Where each half of the components keeps its numbers the answers are the same: the layer treats the "
        f"halves differently, as methods for (q, p) do.  If so meant, claim `supports={{{EVEN!r}}}`."
    )
