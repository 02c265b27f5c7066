"""Each arrangement is the same field, arranged as its words say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nodecheck.backends.torch.modules import ARRANGEMENTS
from nodecheck.backends.torch.uses import PLAIN
from nodecheck.layers import TorchLayer
from nodecheck.mutants import ORIGINALS
from nodecheck.problems import neural

COTANGENT = np.array([[0.5, -0.25, 1.0], [1.0, 0.5, 0.25], [-1.0, 0.75, 2.0], [0.25, 1.5, -0.5]])
BY_WORDS = {arrangement.words: arrangement for arrangement in ARRANGEMENTS}
RIGHT = [layer for layer in ORIGINALS if not layer.adaptive]


def seen_by(words):
    """Return the dynamics that a layer gets in an arrangement."""
    seen = []

    def build(dynamics, t0, t1, n_steps):
        seen.append(dynamics)
        return lambda y0: y0 + (t1 - t0) * dynamics(t0, y0)

    BY_WORDS[words].answer(TorchLayer("euler", build), neural, 1, COTANGENT)
    return seen[0]


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=lambda a: a.words)
@pytest.mark.parametrize("layer", RIGHT, ids=lambda layer: layer.name)
def test_the_answer_of_a_right_layer_is_the_plain_one(layer, arrangement):
    plain = PLAIN.answer(layer, neural, 4, COTANGENT)
    answer = arrangement.answer(layer, neural, 4, COTANGENT)
    assert answer.evaluations == plain.evaluations
    np.testing.assert_allclose(answer.y1, plain.y1, rtol=1e-14)
    for name, value in answer.gradients.items():
        np.testing.assert_allclose(value, plain.gradients[name], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=lambda a: a.words)
def test_the_gradients_are_those_of_the_problem_or_of_y0_alone(arrangement):
    answer = arrangement.answer(RIGHT[0], neural, 4, COTANGENT)
    expected = {"y0"} if arrangement.words == "when there are no parameters" else set(neural.groups)
    assert set(answer.gradients) == expected


def test_there_are_no_parameters():
    assert not list(seen_by("when there are no parameters").parameters())


def test_parameters_are_two_modules_deep():
    dynamics = seen_by("when parameters are two modules deep")
    assert not list(dynamics.parameters(recurse=False))
    assert not [p for child in dynamics.children() for p in child.parameters(recurse=False)]
    assert len(list(dynamics.parameters())) == len(neural.params)


def test_every_parameter_has_two_names():
    dynamics = seen_by("when every parameter has two names")
    assert len(list(dynamics.named_parameters(remove_duplicate=False))) == 2 * len(neural.params)
    assert len(list(dynamics.parameters())) == len(neural.params)


def test_what_is_trained_is_not_the_weight():
    dynamics = seen_by("when parameters are parametrised")
    for name, stored in zip(neural.params, dynamics.parameters(), strict=True):
        assert torch.equal(stored, -getattr(dynamics, name))


def test_half_of_the_parameters_get_no_gradient_from_half_of_the_interval():
    dynamics = seen_by("when half of the parameters are used in half of the interval")
    assert all(
        (parameter.grad is None) == name.endswith("_late") for name, parameter in dynamics.named_parameters()
    )
