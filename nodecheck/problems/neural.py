"""A neural ODE: a small network as vector field, with time as an input."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace

from nodecheck.problems.linear import T0, T1, apply
from nodecheck.problems.problem import Array, Float64, Problem

_BATCH, _STATE, _HIDDEN = 4, 3, 5  # pairwise coprime: no wrong axis or reshape fits by chance


def _network(t: Array, y: Array, /, *, W1: Array, u: Array, b1: Array, W2: Array, b2: Array) -> Array:
    """Return W2 tanh(W1 y + u t + b1) + b2: most public code concatenates t to y, which is equivalent."""
    return apply(W2, array_namespace(y).tanh(apply(W1, y) + u * t + b1)) + b2


def _weights(seed: int) -> dict[str, Float64]:
    """Return random weights: multiples of 1/8 in [-1, 1], so that a failure can be copied by hand."""
    rng = np.random.default_rng(seed)
    shapes = {
        "W1": (_HIDDEN, _STATE),
        "u": (_HIDDEN,),
        "b1": (_HIDDEN,),
        "W2": (_STATE, _HIDDEN),
        "b2": (_STATE,),
    }
    return {name: rng.integers(-8, 9, size=shape) / 8 for name, shape in shapes.items()}


neural = Problem(
    name="neural",
    vector_field=_network,
    y0=np.random.default_rng(1).integers(-8, 9, size=(_BATCH, _STATE)) / 8,
    t0=T0,
    t1=T1,
    params=_weights(0),
    reveals="time, state, a non-normal Jacobian and several parameter tensors at once; order",
    blind_to="an extra step (an O(h) error), stiffness, memory laws (the state is too narrow)",
    on_card=True,
    cite="Chen et al. (2018), sec. 2; time as an input as in torchdiffeq, examples",
)
