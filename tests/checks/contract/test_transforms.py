"""Layers under the function transforms of torch.func."""

from __future__ import annotations

import dataclasses

import pytest

from nodecheck.checks.contract.transforms import function_transforms
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import ORIGINALS
from nodecheck.mutants.transforms import TRANSFORMS
from nodecheck.options.profile import CI
from nodecheck.problems import neural
from nodecheck.results import Unsupported

LAYERS = {layer.name: layer for layer in ORIGINALS} | {m.name: m.layer for m in TRANSFORMS}


def evidence(name, *supports):
    layer = dataclasses.replace(LAYERS[name], supports=LAYERS[name].supports | set(supports))
    return function_transforms.measure(LayerUnderTest(layer, CI), neural)


@pytest.mark.parametrize("name", ["backprop-rk4", "adaptive-backprop", "pair-backprop", "at-steps"])
def test_backpropagation_works_under_transforms(name):
    found = evidence(name)
    assert all(m.holds for m in found.measurements)
    assert "under torch.func.jvp" in found.facts["function transforms"]


def test_an_adjoint_without_rules_refuses_them_all():
    with pytest.raises(Unsupported, match=r"torch.func.vmap, under torch.func.vjp, under torch.func.jvp"):
        evidence("adjoint-rk4")


def test_a_refused_transform_that_is_claimed_fails():
    found = evidence("adjoint-rk4", "forward-mode")
    assert not all(m.holds for m in found.measurements)
    assert "The layer raises under torch.func.jvp" in found.diagnosis


def test_a_state_detached_without_a_gradient_loses_tangents_and_batches():
    found = evidence("detached-without-gradient")
    assert "∂L/∂y0 is missing under torch.func.vmap." in found.diagnosis
    assert "∂L/∂y0 is missing under torch.func.jvp." in found.diagnosis


def test_a_tangent_that_is_not_propagated_is_off():
    assert "under torch.func.jvp" in evidence("tangent-not-propagated").diagnosis
