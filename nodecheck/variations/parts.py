"""Uses of a layer whose state is a pair: one part is data, or alone in the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nodecheck.layers import Array, LayerUnderTest, Pullback, Solution, Solve, Variation
from nodecheck.layers.pair import PARTS, slice_of
from nodecheck.problems import Problem
from nodecheck.variations.comparison import usual_resolution

_NO_COTANGENT = (
    "A part that is in no loss has None for its cotangent, or zeros: take them for zeros of its shape."
)
USES_OF_PARTS = (
    *(Variation(f"{part}-part-is-data", f"when the {part} part of y0 needs no gradient") for part in PARTS),
    *(
        Variation(
            f"{part}-part-in-loss", f"when the {part} part of y1 is alone in the loss", cause=_NO_COTANGENT
        )
        for part in PARTS
    ),
)


def answers_of_parts(layer: LayerUnderTest, problem: Problem, cotangent: Array) -> Mapping[str, Solution]:
    """Return the right answers of `USES_OF_PARTS` by their names, from the layer in plain use."""
    plain = Solve(problem, usual_resolution(layer))
    whole = layer.solution(plain, (cotangent,))
    width = layer.posed(problem).y0.shape[-1]
    answers = {}
    for part in PARTS:
        inside = slice_of(part, width)
        mirrored = layer.solution(plain, (_with_sign_changed(cotangent, inside),))
        answers[f"{part}-part-in-loss"] = _half_difference(whole, mirrored)
        answers[f"{part}-part-is-data"] = _with_data(whole, inside)
    return answers


def _with_sign_changed(values: Array, inside: slice) -> Array:
    """Return values with the other sign in a slice of the last axis."""
    found = values.copy()
    found[..., inside] *= -1.0
    return found


def _half_difference(one: Solution, other: Solution) -> Solution:
    """Return a solution whose gradients are half the difference of those of two others.

    Gradients are linear in the cotangent.  So the gradient for one part alone is known without a loss that
    lacks the other part, where a layer may be wrong.
    """
    gradients: dict[str, Array | None] = {}
    for name, gradient in one.gradients.items():
        opposite = other.gradients[name]
        gradients[name] = None if gradient is None or opposite is None else (gradient - opposite) / 2.0
    return replace(one, pullbacks=(Pullback(gradients, one.pullbacks[0].calls),))


def _with_data(solution: Solution, data: slice) -> Solution:
    """Return a solution without the gradient of a part of y0, which is zero then."""
    (pullback,) = solution.pullbacks
    y0 = pullback.gradients["y0"]
    if y0 is None:
        return solution
    gradient = y0.copy()
    gradient[..., data] = 0.0
    return replace(solution, pullbacks=(Pullback({**pullback.gradients, "y0": gradient}, pullback.calls),))
