"""Computed parameters have the values of the problem, and their gradients are those of the problem."""

from __future__ import annotations

import numpy as np
import pytest
from wrong_layers import layer, marching, rk4, rk4_step

from nodecheck.backends.torch.backend import BACKEND
from nodecheck.layers import Solve
from nodecheck.problems import neural
from nodecheck.variations.computed import COMPUTED, PLAIN_TENSORS

COTANGENT = np.ones_like(neural.y0)
ALL = (*COMPUTED, PLAIN_TENSORS)


def solved(under_test, variation=None):
    how = {} if variation is None else {"variation": variation}
    return BACKEND.solve(under_test, Solve(neural, 4, **how), (COTANGENT,))


def parameters_seen(variation):
    """Return the number of parameters that are leaves, and of those that are none, where a layer is built."""
    seen = []

    def looking(dynamics, t0, t1, n_steps):
        parameters = list(dynamics.parameters())
        seen.append((sum(p.is_leaf for p in parameters), sum(not p.is_leaf for p in parameters)))
        return marching(rk4_step)(dynamics, t0, t1, n_steps)

    solved(layer(looking), variation)
    return seen[0]


@pytest.mark.parametrize("variation", ALL, ids=lambda v: v.name)
def test_backpropagation_gives_the_same_answer_bit_for_bit(variation):
    usual, found = solved(rk4()), solved(rk4(), variation)
    assert np.array_equal(found.y1, usual.y1)
    assert all(np.array_equal(found.gradients[name], g) for name, g in usual.gradients.items())


@pytest.mark.parametrize("variation", COMPUTED, ids=lambda v: v.name)
def test_a_layer_finds_parameters_that_are_no_leaves(variation):
    assert parameters_seen(variation) == (0, len(neural.params))


def test_a_layer_finds_no_parameters_where_weights_are_attributes():
    assert parameters_seen(PLAIN_TENSORS) == (0, 0)


def test_after_a_functional_call_the_module_has_other_values():
    kept = []

    def keeping(dynamics, t0, t1, n_steps):
        kept.extend([dynamics, {k: p.detach().clone() for k, p in dynamics.named_parameters()}])
        return marching(rk4_step)(dynamics, t0, t1, n_steps)

    solved(layer(keeping), COMPUTED[1])
    dynamics, inside = kept
    assert all(bool((p != inside[name]).any()) for name, p in dynamics.named_parameters())
