"""The same numbers in batches, states and parameters of other sizes."""

from __future__ import annotations

from functools import partial

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.results import Evidence, Inconclusive
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
    shapes = shapes_for(layer)
    (cotangent,) = layer.cotangents(shapes.usual, 1)
    found = [
        judge_same(
            when,
            layer,
            other,
            spread(cotangent, other.y0.shape, shapes.parts),
            partial(rearranged, layer, other),
        )
        for when, other in shapes.others
    ]
    measurements, sentences = zip(*found, strict=True)
    wrong = " ".join(filter(None, sentences))
    if wrong and not layer.adaptive and iterates(layer):
        message = f"the layer iterates to some tolerance, whose norm may depend on sizes: {wrong}"
        raise Inconclusive(message)
    usual = f"Compared with y0 of shape {shapes.usual.y0.shape}."
    return Evidence(measurements, f"{wrong} {usual}" if wrong else "")
