"""Each module is the same field, written as the name of its variation says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nodecheck.backends.torch.backend import BACKEND
from nodecheck.backends.torch.modules import MODULES as ARRANGED
from nodecheck.layers import PLAIN, Solve, TorchLayer
from nodecheck.layers.layer import SECOND_ORDER
from nodecheck.mutants import ORIGINALS
from nodecheck.problems import neural
from nodecheck.variations.modules import MODULES

COTANGENT = np.array([[0.5, -0.25, 1.0], [1.0, 0.5, 0.25], [-1.0, 0.75, 2.0], [0.25, 1.5, -0.5]])
BY_NAME = {variation.name: variation for variation in MODULES}
RIGHT = [layer for layer in ORIGINALS if not (layer.adaptive or SECOND_ORDER in layer.supports)]


def solved(layer, variation, n_steps=4):
    return BACKEND.solve(layer, Solve(neural, n_steps, variation=variation), (COTANGENT,))


def seen_by(name):
    """Return the dynamics that a layer gets in a variation."""
    seen = []

    def build(dynamics, t0, t1, n_steps):
        seen.append(dynamics)
        return lambda y0: y0 + (t1 - t0) * dynamics(t0, y0)

    solved(TorchLayer("euler", build), BY_NAME[name], 1)
    return seen[0]


def same_in(layer, variation):
    """Return True where a right layer has the plain solution; with autocast, an adjoint has to promise it."""
    return variation.judged or layer.adjoint == "discrete" or variation.capability in layer.supports


@pytest.mark.parametrize(
    ("layer", "variation"),
    [pytest.param(r, v, id=f"{r.name}-{v.name}") for v in MODULES for r in RIGHT if same_in(r, v)],
)
def test_the_solution_of_a_right_layer_is_the_plain_one(layer, variation):
    plain, found = solved(layer, PLAIN), solved(layer, variation)
    assert found.all_evaluations == plain.all_evaluations
    np.testing.assert_allclose(found.y1, plain.y1, rtol=1e-14)
    for name, value in found.gradients.items():
        np.testing.assert_allclose(value, plain.gradients[name], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("variation", MODULES, ids=lambda v: v.name)
def test_the_gradients_are_those_of_the_problem_or_of_y0_alone(variation):
    expected = {"y0"} if variation.name == "no-parameters" else set(neural.groups)
    assert set(solved(RIGHT[0], variation).gradients) == expected


def test_an_adjoint_that_loses_autocast_evaluates_twice_the_field():
    adjoint = next(layer for layer in RIGHT if layer.name == "adjoint-rk4")
    plain, found = solved(adjoint, PLAIN), solved(adjoint, BY_NAME["autocast-field"])
    np.testing.assert_array_equal(found.y1, plain.y1)
    assert not np.allclose(found.gradients["y0"], plain.gradients["y0"], rtol=0.5)


def test_there_are_no_parameters():
    assert not list(seen_by("no-parameters").parameters())


def test_parameters_are_two_modules_deep():
    dynamics = seen_by("nested")
    assert not list(dynamics.parameters(recurse=False))
    assert not [p for child in dynamics.children() for p in child.parameters(recurse=False)]
    assert len(list(dynamics.parameters())) == len(neural.params)


def test_every_parameter_has_two_names():
    dynamics = seen_by("tied")
    assert len(list(dynamics.named_parameters(remove_duplicate=False))) == 2 * len(neural.params)
    assert len(list(dynamics.parameters())) == len(neural.params)


def test_what_is_trained_is_not_the_weight():
    dynamics = seen_by("parametrised")
    for name, stored in zip(neural.params, dynamics.parameters(), strict=True):
        assert torch.equal(stored, -getattr(dynamics, name))


def test_half_of_the_parameters_get_no_gradient_from_half_of_the_interval():
    dynamics = seen_by("in-turns")
    assert all(
        (parameter.grad is None) == name.endswith("_late") for name, parameter in dynamics.named_parameters()
    )


def test_members_at_different_times_use_the_parameters_of_their_own_time():
    """A layer with a step size for each member evaluates the field on both sides of the middle at once."""
    module = ARRANGED["in-turns"](neural).module
    y = torch.tensor(neural.y0)
    early, late = neural.t0, neural.t1
    mixed = torch.tensor([early, late, late, early], dtype=y.dtype)
    module(mixed, y)[[1, 2]].sum().backward()
    assert module.W1_late.grad.any()
    assert module.W1.grad is None or not module.W1.grad.any()
