"""What a layer returns, changed in place and kept over another call: what the backend sees of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nodecheck import ODELayer, TorchLayer
from nodecheck.backends.torch.backend import BACKEND
from nodecheck.layers import Solve
from nodecheck.mutants import ORIGINALS
from nodecheck.problems import constant, neural, neural_at_outputs
from nodecheck.results import Skip
from nodecheck.variations.outputs import USES_OF_OUTPUTS

CHANGED, KEPT = USES_OF_OUTPUTS


def solved(build, variation, problem=constant, **claims):
    cotangent = np.ones(problem.output_shape)
    solve = Solve(problem, 4, variation=variation)
    return BACKEND.solve(TorchLayer("mine", build, **claims), solve, (cotangent,))


def rest(dynamics, t0, t1, n_steps):
    """Return y0 in its own memory."""
    return lambda y0: y0.view_as(y0)


def equal_outputs_in_one_memory(dynamics, ts, n_steps):
    return lambda y0: (1.0 * y0).expand(len(ts), *y0.shape)


def test_an_output_in_the_memory_of_y0_changes_y0():
    assert solved(rest, KEPT).changed == ("y0",)


def test_outputs_in_one_memory_change_each_other():
    y1 = solved(equal_outputs_in_one_memory, CHANGED, neural_at_outputs).y1
    assert not np.allclose(y1, neural_at_outputs.y0)


@pytest.mark.parametrize("variation", USES_OF_OUTPUTS, ids=lambda variation: variation.name)
@pytest.mark.parametrize("problem", [neural, neural_at_outputs], ids=lambda problem: problem.name)
def test_a_right_layer_gives_the_answer_of_plain_use(variation, problem):
    def build(dynamics, ts, n_steps):
        own = ODELayer(dynamics, ts[0], ts[-1], n_steps, solver="rk4", adjoint="discrete")
        return lambda y0: own.solve(y0, ts)

    found, plain = (solved(build, v, problem) for v in (variation, type(variation)()))
    np.testing.assert_allclose(found.y1, plain.y1, rtol=1e-15)
    assert found.changed == ()
    for name, gradient in found.gradients.items():
        np.testing.assert_allclose(gradient, plain.gradients[name], rtol=1e-12, atol=1e-13)


def test_a_saved_output_that_was_changed_is_an_error():
    (layer,) = (layer for layer in ORIGINALS if layer.name == "adjoint-at-outputs")
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        solved(layer.build, CHANGED, neural_at_outputs)


def test_outputs_that_nodecheck_joins_are_not_tried():
    (layer,) = (layer for layer in ORIGINALS if layer.name == "pair-backprop")
    with pytest.raises(Skip, match="a copy would be changed"):
        solved(layer.build, CHANGED, neural, output="pair")
    assert torch.is_grad_enabled()
