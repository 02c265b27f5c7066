"""The same numbers in batches, states and parameters of other sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nodecheck.layers import (
    Array,
    LayerError,
    LayerUnderTest,
    Pullback,
    Refusal,
    Solution,
    attempt,
    is_odd,
    made_even,
)
from nodecheck.layers.layer import EVEN
from nodecheck.problems import Problem, with_force
from nodecheck.problems.componentwise import (
    CUBE,
    EVEN_STATE,
    EVEN_STATE_SHAPES,
    SCALARS,
    STATE_SHAPES,
    componentwise,
    cut,
)
from nodecheck.variations.comparison import plain_solution

USUAL_SHAPE = componentwise()
OTHER_SHAPES: tuple[tuple[str, Problem], ...] = (
    *((f"for y0 of shape {shape}", componentwise(shape)) for shape in STATE_SHAPES),
    ("with all parameters in one of shape (2, 2, 3)", componentwise(params=CUBE)),
    ("with twelve scalar parameters", componentwise(params=SCALARS)),
)


_EVEN_SHAPE = componentwise(EVEN_STATE)


@dataclass(frozen=True)
class Shapes:
    """The same numbers in arrays of several shapes.

    Attributes
    ----------
    usual
        The problem with which the others are compared.
    others
        The other problems, each with a clause for reports.
    parts
        Number of parts of the state that keep their numbers: two where a layer may treat halves differently.
    """

    usual: Problem
    others: tuple[tuple[str, Problem], ...]
    parts: int = 1


def shapes_for(layer: LayerUnderTest) -> Shapes:
    """Return the shapes that a layer is asked for: with even numbers of components if it needs them."""
    if not (layer.needs_even or layer.of_second_order):
        return Shapes(USUAL_SHAPE, OTHER_SHAPES)
    states = (_EVEN_SHAPE.replace(y0=spread(_EVEN_SHAPE.y0, s, 2)) for s in EVEN_STATE_SHAPES)
    of_params = (
        (when, problem.replace(y0=_EVEN_SHAPE.y0))
        for when, problem in OTHER_SHAPES
        if problem.y0.shape == USUAL_SHAPE.y0.shape
    )
    others = (*((f"for y0 of shape {p.y0.shape}", p) for p in states), *of_params)
    if not layer.of_second_order:
        return Shapes(_EVEN_SHAPE, others, parts=2)
    posed = tuple((when, with_force(p, separable=layer.separable)) for when, p in others)
    return Shapes(with_force(_EVEN_SHAPE, separable=layer.separable), posed, parts=2)


def spread(values: Array, shape: tuple[int, ...], parts: int) -> Array:
    """Return the numbers of an array, or copies of them, in another shape, part by part of the last axis."""
    part = (*shape[:-1], shape[-1] // parts)
    return np.concatenate([np.resize(one, part) for one in np.split(values, parts, axis=-1)], axis=-1)


def rearranged(layer: LayerUnderTest, problem: Problem, resolution: float) -> Solution:
    """Return the usual solution, rearranged: the one that the same numbers, or copies of them, must have."""
    shapes = shapes_for(layer)
    (cotangent,) = layer.cotangents(shapes.usual, 1)
    usual = plain_solution(layer, shapes.usual, cotangent, resolution)
    copies = problem.y0.size / usual.y1.size
    of_params = {name: value.shape for name, value in problem.params.items()}
    gradients: dict[str, Array | None] = dict.fromkeys(problem.groups)
    y0, params = usual.gradients["y0"], [usual.gradients[name] for name in shapes.usual.params]
    if y0 is not None:
        gradients["y0"] = spread(y0, problem.y0.shape, shapes.parts)
    arrived = [np.ravel(g) for g in params if g is not None]
    if len(arrived) == len(params):
        gradients |= cut(copies * np.concatenate(arrived), of_params)
    pullback = Pullback(gradients, usual.pullbacks[0].calls)
    return replace(usual, y1=spread(usual.y1, problem.y0.shape, shapes.parts), pullbacks=(pullback,))


def refusal_of_odd(layer: LayerUnderTest, problem: Problem, resolution: float, refusal: Refusal) -> str:
    """Return the reason if a layer refuses an odd number of components and takes an even one; else "".

    With a member less, because the state must not be square: a layer that mixes up its axes would take that.
    """
    if layer.needs_even or not is_odd(problem) or isinstance(refusal.error, LayerError):
        return ""
    even = made_even(problem.replace(y0=problem.y0[:-1]))
    if isinstance(attempt(lambda: layer.solve(even, resolution)), Refusal):
        return ""
    return (
        f"the layer refuses an odd number of components and takes an even one ({refusal}): write "
        f"`supports={{{EVEN!r}}}`, and it is judged on even ones"
    )
