"""A diagnosis lives with whatever arrived: nothing, one group, or numbers that are none."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from torch.func import functional_call
from wrong_layers import euler, layer, marching

from nodecheck.checks import CHECKS
from nodecheck.diagnosis.gradient import Observation, explain_gradient
from nodecheck.diagnosis.gradient.comparison import compare
from nodecheck.layers import LayerUnderTest
from nodecheck.options.profile import SMOKE
from nodecheck.problems import linear, spiral

(GRADIENT_ORDER,) = (check for check in CHECKS if check.id == "gradient-order")


@functools.cache
def under_test():
    return LayerUnderTest(euler(), SMOKE)


def observe(n_steps, arrived, change):
    """Return the gradients of Euler for `linear`, changed, of which only some arrive."""

    def pulled(gradients):
        return {name: change(value) if name in arrived else None for name, value in gradients.items()}

    runs = under_test().gradients(linear, n_steps)
    return Observation(
        linear,
        under_test().cotangents(linear),
        tuple(pulled(run.gradients) for run in runs),
        n_steps,
        lambda cotangent: pulled(under_test().pullback(linear, n_steps, cotangent).gradients),
    )


CHANGES = {
    "as they are": lambda value: value,
    "half too large": lambda value: 1.5 * value,
    "zero": lambda value: 0 * value,
    "not a number": lambda value: np.nan * value,
    "shifted": lambda value: value + 0.25,
}


@pytest.mark.parametrize("order", [2, None], ids=["order 2", "no order"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("arrived", [(), ("y0",), ("b",), ("A", "b")], ids=" ".join)
def test_every_choice_of_arrived_gradients_has_a_diagnosis(arrived, change, order):
    fine, coarse = (observe(n, arrived, CHANGES[change]) for n in (64, 32))
    text = explain_gradient(fine, coarse, order=order)
    missing = [f"∂L/∂{name}" for name in linear.groups if name not in arrived]
    assert text.startswith("No gradient arrives for ")
    assert all(name in text for name in missing)


def detached(dynamics, t, h, y):
    """Take an Euler step whose parameters are detached."""
    values = {name: value.detach() for name, value in dynamics.named_parameters()}
    return y + h * functional_call(dynamics, values, (t, y))


def unrecorded(dynamics, t, h, y):
    """Take an Euler step of which nothing is recorded."""
    with torch.no_grad():
        return y + 0 * y + h * dynamics(t, y)


@pytest.mark.parametrize("step", [detached, unrecorded])
def test_euler_with_detached_parameters_that_claims_order_two_is_explained(step):
    evidence = GRADIENT_ORDER.measure(LayerUnderTest(layer(marching(step), order=2), SMOKE), spiral)
    assert "No gradient arrives for" in evidence.diagnosis
    assert "∂L/∂A" in evidence.diagnosis


def test_no_groups_have_no_difference():
    levels = ({"y0": np.ones((3, 2))}, {"y0": np.zeros((3, 2))})
    found = compare(levels, levels, {"y0": 1.0}, (), 2.0, {})
    assert (found.size, found.coarse_size) == (0.0, 0.0)
