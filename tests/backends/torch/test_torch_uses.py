"""Each other use is what it says, and gives a right layer's usual answer."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from nodecheck.backends.torch.uses import PLAIN, USES
from nodecheck.layers import TorchLayer
from nodecheck.problems import neural

COTANGENT = np.tile([[0.5, -0.25, 1.0]], (4, 1))
BY_WORDS = {use.words: use for use in USES}


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


def ask(use):
    """Return what the layer saw and what it answered."""
    seen = {}
    layer = TorchLayer("spy", lambda dynamics, t0, t1, n_steps: Euler(dynamics, t0, t1, n_steps, seen))
    return seen, use.answer(layer, neural, 4, COTANGENT)


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
    "when y0 needs no gradient": {"requires grad": False},
    "when y0 is computed": {"leaf": False},
    "when y0 is not contiguous": {"contiguous": False},
    "when y1 is summed over the batch": {"strides": (0, 1)},
    "when the cotangent is not contiguous": {"strides": (1, 4)},
    "with torch.autograd.grad": {},
    "when gradients accumulate": {"gradients": [True] * 5},
    "in a second backward pass": {"backward passes": 2},
    "when gradients are kept over another pass": {"backward passes": 2},
    "when parameters have hooks": {"hooks": [True] * 5},
    "in eval mode": {"training": (False, False)},
    "under torch.no_grad": {"grad mode": False},
    "under torch.inference_mode": {"grad mode": False, "inference mode": True},
}


def test_plain_use_is_plain():
    assert ask(PLAIN)[0] == PLAINLY


def test_no_use_is_left_out_here():
    assert set(DIFFERENT) == set(BY_WORDS)


@pytest.mark.parametrize("words", DIFFERENT)
def test_a_use_differs_from_plain_use_in_what_it_says(words):
    seen, _ = ask(BY_WORDS[words])
    assert seen == {name: value for name, value in {**PLAINLY, **DIFFERENT[words]}.items() if name in seen}


@pytest.mark.parametrize("words", [w for w in DIFFERENT if w.startswith("under")])
def test_evaluation_runs_no_backward_pass(words):
    seen, answer = ask(BY_WORDS[words])
    assert (answer.gradients, "strides" in seen) == ({}, False)


@pytest.mark.parametrize("words", DIFFERENT)
def test_a_right_layer_gives_its_usual_answer(words):
    expected, (_, answer) = ask(PLAIN)[1], ask(BY_WORDS[words])
    np.testing.assert_allclose(answer.y1, expected.y1, rtol=1e-13)
    for name, gradient in answer.gradients.items():
        np.testing.assert_allclose(gradient, expected.gradients[name], rtol=1e-12, atol=1e-14)
    assert answer.stray == ()


def test_data_have_no_gradient_and_the_parameters_have():
    assert list(ask(BY_WORDS["when y0 needs no gradient"])[1].gradients) == list(neural.params)


def test_every_second_gradient_is_asked_for_by_grad():
    assert list(ask(BY_WORDS["with torch.autograd.grad"])[1].gradients) == ["W1", "b1", "b2"]


def test_what_a_layer_warns_of_is_part_of_its_answer():
    def build(dynamics, t0, t1, n_steps):
        def solve(y0):
            warnings.warn("no gradient", stacklevel=1)
            return y0 * 1

        return solve

    assert PLAIN.answer(TorchLayer("warns", build), neural, 4, COTANGENT).warnings == {"no gradient"}


def test_evaluations_of_both_passes_are_counted():
    assert ask(PLAIN)[1].evaluations == 4


def test_a_graph_under_no_grad_is_a_stray():
    def build(dynamics, t0, t1, n_steps):
        return torch.enable_grad()(lambda y0: y0 + dynamics(t0, y0))

    layer = TorchLayer("stray", build)
    assert BY_WORDS["under torch.no_grad"].answer(layer, neural, 4, COTANGENT).stray == ("y1",)


def test_data_that_are_made_to_require_a_gradient_are_a_stray():
    def build(dynamics, t0, t1, n_steps):
        return lambda y0: (y0.requires_grad_() if y0.is_leaf else y0) + dynamics(t0, y0)

    layer = TorchLayer("stray", build)
    assert BY_WORDS["when y0 needs no gradient"].answer(layer, neural, 4, COTANGENT).stray == ("y0",)
