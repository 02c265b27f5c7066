"""The right layers are right: measured here without any check."""

from __future__ import annotations

import numpy as np
import pytest
from right_layers import LAYERS

from nodecheck.layers import Solve, backend_of, counterpart
from nodecheck.problems import neural
from nodecheck.reference import sensitivity

FIXED = [layer for layer in LAYERS if not layer.adaptive]
ADAPTIVE = [layer for layer in LAYERS if layer.adaptive]


def errors(layer, resolution):
    """Return the relative errors of y1 and of the worst gradient."""
    problem = counterpart(layer.supports, neural)
    exact = sensitivity(problem)
    cotangent = np.random.default_rng(0).standard_normal(problem.y0.shape)
    solution = backend_of(layer).solve(layer, Solve(problem, resolution), (cotangent,))
    found, wanted = solution.gradients, exact.pullback(cotangent)
    worst = max(np.abs(found[k] - wanted[k]).max() / np.abs(wanted[k]).max() for k in wanted)
    return np.abs(solution.y1 - exact.y1).max() / np.abs(exact.y1).max(), worst


def test_names_are_unique():
    assert len({layer.name for layer in LAYERS}) == len(LAYERS)


@pytest.mark.parametrize("layer", FIXED, ids=lambda layer: layer.name)
def test_state_and_gradient_converge_at_the_order(layer):
    coarse, fine = errors(layer, 32), errors(layer, 64)
    assert np.log2(np.divide(coarse, fine)) == pytest.approx(layer.order, abs=0.25)


@pytest.mark.parametrize("layer", ADAPTIVE, ids=lambda layer: layer.name)
def test_state_and_gradient_follow_the_tolerance(layer):
    loose, tight = errors(layer, 1e-3), errors(layer, 1e-6)
    assert np.all(np.divide(tight, loose) < 10**-2)
    assert max(tight) < 1e-4
