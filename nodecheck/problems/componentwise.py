"""Copies of one scalar equation, in arrays of any shape and with its parameters cut into any arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from array_api_compat import array_namespace

from nodecheck.problems.neural import neural
from nodecheck.problems.problem import Array, Problem

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
_HIDDEN = 3
VECTORS: Shapes = dict.fromkeys(("w", "u", "b", "v"), (_HIDDEN,))
CUBE: Shapes = {"V": (2, 2, _HIDDEN)}
SCALARS: Shapes = {f"v{i}": () for i in range(4 * _HIDDEN)}
# Twelve numbers, or twelve copies of them: more members and components than small sizes have.
STATE_SHAPES = ((1, 12), (12, 1), (48, 3), (4, 36))
# For layers that need an even number of components, and may treat the halves of the state differently.
EVEN_STATE = (6, 2)
EVEN_STATE_SHAPES = ((1, 12), (3, 4), (48, 4), (4, 36))


def _each(t: Array, y: Array, /, **params: Array) -> Array:
    """Return v tanh(w y + u t + b) of every component by itself."""
    xp = array_namespace(y)
    w, u, b, v = xp.reshape(xp.concat([xp.reshape(p, (-1,)) for p in params.values()]), (4, _HIDDEN))
    return xp.sum(v * xp.tanh(w * y[..., None] + u * t + b), axis=-1)


_VALUES = np.random.default_rng(3).integers(1, 9, size=4 * _HIDDEN) * np.tile([1, -1], 2 * _HIDDEN) / 8


def componentwise(shape: tuple[int, ...] = neural.y0.shape, params: Shapes = VECTORS) -> Problem:
    """Return the problem with a state of this shape and parameters of these shapes: the same numbers."""
    return neural.replace(
        name="componentwise",
        vector_field=_each,
        y0=np.resize(neural.y0, shape),
        params=cut(_VALUES, params),
    )


def cut(values: Array, shapes: Shapes) -> dict[str, Array]:
    """Return a vector cut into arrays of these shapes."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    parts = np.split(values, ends[:-1])
    return {name: part.reshape(shape) for part, (name, shape) in zip(parts, shapes.items(), strict=True)}
