"""The same numbers in batches, states and parameters of other sizes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from array_api_compat import array_namespace

from nodecheck.backends.torch.uses import Answer
from nodecheck.checks.check import check
from nodecheck.checks.invariance.units import iterates
from nodecheck.layers import LayerUnderTest
from nodecheck.problems import Array, Problem, neural
from nodecheck.results import Evidence, Inconclusive
from nodecheck.variations.comparison import compare, plain_answer

_Shapes = Mapping[str, tuple[int, ...]]
_HIDDEN = 3
_VECTORS: _Shapes = dict.fromkeys(("w", "u", "b", "v"), (_HIDDEN,))
_CUBE: _Shapes = {"V": (2, 2, _HIDDEN)}
_SCALARS: _Shapes = {f"v{i}": () for i in range(4 * _HIDDEN)}
# Twelve numbers, or twelve copies of them: more members and components than small sizes have.
_SHAPES = ((1, 12), (12, 1), (48, 3), (4, 36))


def _each(t: Array, y: Array, /, **params: Array) -> Array:
    """Return v tanh(w y + u t + b) of every component by itself, whatever the parameters are cut into."""
    xp = array_namespace(y)
    w, u, b, v = xp.reshape(xp.concat([xp.reshape(p, (-1,)) for p in params.values()]), (4, _HIDDEN))
    return xp.sum(v * xp.tanh(w * y[..., None] + u * t + b), axis=-1)


_VALUES = np.random.default_rng(3).integers(1, 9, size=4 * _HIDDEN) * np.tile([1, -1], 2 * _HIDDEN) / 8


def _arranged(shape: tuple[int, ...], params: _Shapes = _VECTORS) -> Problem:
    return neural.replace(
        name="componentwise",
        vector_field=_each,
        y0=np.resize(neural.y0, shape),
        params=_cut(_VALUES, params),
    )


def _cut(values: np.ndarray, shapes: _Shapes) -> dict[str, np.ndarray]:
    """Cut a vector into arrays of these shapes."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    parts = np.split(values, ends[:-1])
    return {name: part.reshape(shape) for part, (name, shape) in zip(parts, shapes.items(), strict=True)}


_USUAL = _arranged(neural.y0.shape)
_OTHERS = (
    *((f"for y0 of shape {shape}", _arranged(shape)) for shape in _SHAPES),
    ("with all parameters in one of shape (2, 2, 3)", _arranged(neural.y0.shape, _CUBE)),
    ("with twelve scalar parameters", _arranged(neural.y0.shape, _SCALARS)),
)


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

    A fixed-step layer does so to half of the digits, since it may take derivatives by differences; an
    adaptive one to its tolerance.
    """
    (cotangent,) = layer.cotangents(_USUAL, 1)
    found = [
        compare(words, layer, other, np.resize(cotangent, other.y0.shape), partial(_expected, layer, other))
        for words, other in _OTHERS
    ]
    measurements, sentences = zip(*found, strict=True)
    wrong = " ".join(filter(None, sentences))
    if wrong and not layer.adaptive and iterates(layer):
        message = f"the layer iterates to some tolerance, whose norm may depend on sizes: {wrong}"
        raise Inconclusive(message)
    return Evidence(measurements, f"{wrong} Compared with y0 of shape (4, 3)." if wrong else "")


def _expected(layer: LayerUnderTest, problem: Problem, resolution: float) -> Answer:
    """Return the usual answer, rearranged: what the same numbers, or copies of them, must have."""
    (cotangent,) = layer.cotangents(_USUAL, 1)
    key = ("the usual size", resolution)
    answer = layer.once(key, lambda: plain_answer(layer, _USUAL, cotangent, resolution))
    copies = problem.y0.size / answer.y1.size
    shapes = {name: value.shape for name, value in problem.params.items()}
    gradients: dict[str, Array | None] = dict.fromkeys(problem.groups)
    y0, params = answer.gradients["y0"], [answer.gradients[name] for name in _USUAL.params]
    if y0 is not None:
        gradients["y0"] = np.resize(y0, problem.y0.shape)
    arrived = [np.ravel(g) for g in params if g is not None]
    if len(arrived) == len(params):
        gradients |= _cut(copies * np.concatenate(arrived), shapes)
    return Answer(np.resize(answer.y1, problem.y0.shape), gradients, answer.evaluations)
