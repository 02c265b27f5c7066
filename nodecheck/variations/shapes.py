"""The same numbers in batches, states and parameters of other sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nodecheck.layers import Array, LayerUnderTest, Pullback, Solution
from nodecheck.problems import Problem
from nodecheck.problems.componentwise import CUBE, SCALARS, STATE_SHAPES, componentwise, cut
from nodecheck.variations.comparison import plain_solution

USUAL_SHAPE = componentwise()
OTHER_SHAPES: tuple[tuple[str, Problem], ...] = (
    *((f"for y0 of shape {shape}", componentwise(shape)) for shape in STATE_SHAPES),
    ("with all parameters in one of shape (2, 2, 3)", componentwise(params=CUBE)),
    ("with twelve scalar parameters", componentwise(params=SCALARS)),
)


def rearranged(layer: LayerUnderTest, problem: Problem, resolution: float) -> Solution:
    """Return the usual solution, rearranged: the one that the same numbers, or copies of them, must have."""
    (cotangent,) = layer.cotangents(USUAL_SHAPE, 1)
    usual = plain_solution(layer, USUAL_SHAPE, cotangent, resolution)
    copies = problem.y0.size / usual.y1.size
    shapes = {name: value.shape for name, value in problem.params.items()}
    gradients: dict[str, Array | None] = dict.fromkeys(problem.groups)
    y0, params = usual.gradients["y0"], [usual.gradients[name] for name in USUAL_SHAPE.params]
    if y0 is not None:
        gradients["y0"] = np.resize(y0, problem.y0.shape)
    arrived = [np.ravel(g) for g in params if g is not None]
    if len(arrived) == len(params):
        gradients |= cut(copies * np.concatenate(arrived), shapes)
    pullback = Pullback(gradients, usual.pullbacks[0].calls)
    return replace(usual, y1=np.resize(usual.y1, problem.y0.shape), pullbacks=(pullback,))
