"""Each other use is what it says, and gives a right layer's usual answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nodecheck.backends.torch.backend import BACKEND
from nodecheck.layers import Solve, TorchLayer
from nodecheck.layers.solve import PLAIN
from nodecheck.problems import neural
from nodecheck.variations.autograd import USES

COTANGENT = np.tile([[0.5, -0.25, 1.0]], (4, 1))
BY_NAME = {variation.name: variation for variation in USES}


class Spy(torch.autograd.Function):
    """The identity; tells what comes along."""

    @staticmethod
    def forward(ctx, y, seen):
        ctx.seen = seen
        return y.clone()

    @staticmethod
    def backward(ctx, cotangent):
        ctx.seen["strides"] = cotangent.stride()
        ctx.seen["backward passes"] = ctx.seen.get("backward passes", 0) + 1
        return cotangent, None


class Euler(torch.nn.Module):
    def __init__(self, dynamics, t0, t1, n_steps, seen):
        super().__init__()
        self.dynamics, self.t0, self.h, self.n_steps, self.seen = (
            dynamics,
            t0,
            (t1 - t0) / n_steps,
            n_steps,
            seen,
        )

    def forward(self, y0):
        self.seen |= {
            "requires grad": y0.requires_grad,
            "leaf": y0.is_leaf,
            "contiguous": y0.is_contiguous(),
            "training": (self.training, self.dynamics.training),
            "grad mode": torch.is_grad_enabled(),
            "inference mode": torch.is_inference_mode_enabled(),
            "gradients": [p.grad is not None for p in self.dynamics.parameters()],
            "hooks": [bool(p._backward_hooks) for p in self.dynamics.parameters()],
        }
        y = y0
        for i in range(self.n_steps):
            y = y + self.h * self.dynamics(self.t0 + i * self.h, y)
        return Spy.apply(y, self.seen)


def solved(layer, name=None):
    """Return the solution of a layer that is used in this way, or plainly."""
    return BACKEND.solve(layer, Solve(neural, 4, variation=BY_NAME.get(name, PLAIN)), (COTANGENT,))


def spied(name=None):
    """Return what the layer saw, and its solution."""
    seen = {}
    layer = TorchLayer("spy", lambda dynamics, t0, t1, n_steps: Euler(dynamics, t0, t1, n_steps, seen))
    return seen, solved(layer, name)


PLAINLY = {
    "requires grad": True,
    "leaf": True,
    "contiguous": True,
    "training": (True, True),
    "grad mode": True,
    "inference mode": False,
    "gradients": [False] * 5,
    "hooks": [False] * 5,
    "strides": (3, 1),
    "backward passes": 1,
}
DIFFERENT = {
    "y0-is-data": {"requires grad": False},
    "y0-is-computed": {"leaf": False},
    "y0-is-transposed": {"contiguous": False},
    "y1-is-summed": {"strides": (0, 1)},
    "cotangent-is-transposed": {"strides": (1, 4)},
    "autograd-grad": {},
    "gradient-of-y0-alone": {},
    "accumulated": {"gradients": [True] * 5},
    "second-backward": {"backward passes": 2},
    "kept-over-another-pass": {"backward passes": 2},
    "parameter-hooks": {"hooks": [True] * 5},
    "eval-mode": {"training": (False, False)},
    "no-grad": {"grad mode": False},
    "inference-mode": {"grad mode": False, "inference mode": True},
}


def test_plain_use_is_plain():
    assert spied()[0] == PLAINLY


def test_no_use_is_left_out_here():
    assert set(DIFFERENT) == {variation.name for variation in USES}


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_use_differs_from_plain_use_in_what_it_says(name):
    seen, _ = spied(name)
    assert seen == {key: value for key, value in {**PLAINLY, **DIFFERENT[name]}.items() if key in seen}


@pytest.mark.parametrize("name", ["no-grad", "inference-mode"])
def test_evaluation_runs_no_backward_pass(name):
    seen, found = spied(name)
    assert (found.gradients, found.pullbacks, "strides" in seen) == ({}, (), False)


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_right_layer_gives_its_usual_answer(name):
    expected, (_, found) = spied()[1], spied(name)
    np.testing.assert_allclose(found.y1, expected.y1, rtol=1e-13)
    for group, gradient in found.gradients.items():
        np.testing.assert_allclose(gradient, expected.gradients[group], rtol=1e-12, atol=1e-14)
    assert found.stray == ()


def test_data_have_no_gradient_and_the_parameters_have():
    assert list(spied("y0-is-data")[1].gradients) == list(neural.params)


def test_every_second_gradient_is_asked_for_by_grad():
    assert list(spied("autograd-grad")[1].gradients) == ["W1", "b1", "b2"]


def test_evaluations_of_both_passes_are_counted():
    assert spied()[1].all_evaluations == 4


def test_a_graph_under_no_grad_is_a_stray():
    def build(dynamics, t0, t1, n_steps):
        return torch.enable_grad()(lambda y0: y0 + dynamics(t0, y0))

    assert solved(TorchLayer("stray", build), "no-grad").stray == ("y1",)


def test_data_that_are_made_to_require_a_gradient_are_a_stray():
    def build(dynamics, t0, t1, n_steps):
        return lambda y0: (y0.requires_grad_() if y0.is_leaf else y0) + dynamics(t0, y0)

    assert solved(TorchLayer("stray", build), "y0-is-data").stray == ("y0",)


def test_a_dynamics_that_is_left_in_another_mode_is_told():
    def build(dynamics, t0, t1, n_steps):
        return lambda y0: y0 + dynamics.train()(t0, y0)

    assert solved(TorchLayer("trains", build), "eval-mode").changed == ("training mode of the dynamics",)


@pytest.mark.parametrize("name", ["no-grad", "inference-mode", "y0-is-computed"])
def test_an_input_that_is_written_into_in_some_use_is_named(name):
    def build(dynamics, t0, t1, n_steps):
        return lambda y0: y0 + 0 * y0.detach().add_(1)

    assert solved(TorchLayer("writes", build), name).changed == ("y0",)


def test_a_grad_mode_that_a_layer_leaves_changed_is_named():
    def build(dynamics, t0, t1, n_steps):
        return lambda y0: (torch.set_grad_enabled(True) and None) or y0 + dynamics(t0, y0)

    assert solved(TorchLayer("enables", build), "no-grad").changed == ("grad mode",)
