"""Layers under the function transforms of torch.func, and under torch.compile."""

from __future__ import annotations

import dataclasses
import logging

import pytest
import torch

from nodecheck.backends.torch.settings import isolated
from nodecheck.checks.contract.transforms import function_transforms
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.mutants import ORIGINALS
from nodecheck.mutants.transforms import TRANSFORMS
from nodecheck.numerics.constants import MOST_GRAPHS_OF_A_FRAME
from nodecheck.options.profile import CI, FULL
from nodecheck.problems import neural
from nodecheck.results import Unsupported
from nodecheck.targets.third_party.odelayer import LAYERS as OWN

LAYERS = {layer.name: layer for layer in ORIGINALS} | {m.name: m.layer for m in TRANSFORMS}
LAYERS |= {layer.name: layer for layer in OWN}
COMPILABLE = ["backprop-rk4", "adjoint-euler", "at-steps", "odelayer-rk4-discrete", "odelayer-rk4-continuous"]


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


@pytest.mark.parametrize("name", COMPILABLE)
def test_a_compiled_layer_has_the_same_answer(name):
    found = evidence(name, "compile")
    assert all(m.holds for m in found.measurements)
    assert "under torch.compile" in found.facts["function transforms"]


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("frozen-when-compiled", "All parameter gradients are missing under torch.compile."),
        ("coarse-when-compiled", "under torch.compile. What the layer does where"),
    ],
)
def test_another_answer_where_it_is_compiled_is_a_failure(name, phrase):
    assert phrase in evidence(name).diagnosis


def test_a_layer_is_compiled_where_that_is_claimed_or_in_full():
    wrong = dataclasses.replace(LAYERS["coarse-when-compiled"], supports=())
    in_ci, in_full = (function_transforms.measure(LayerUnderTest(wrong, p), neural) for p in (CI, FULL))
    assert all(m.holds for m in in_ci.measurements)
    assert not all(m.holds for m in in_full.measurements)


@pytest.fixture
def no_compiler(monkeypatch):
    def fail(_graph, _inputs):
        message = "this graph cannot be compiled"
        raise NotImplementedError(message)

    monkeypatch.setattr("torch._dynamo.backends.debugging.aot_eager", fail)


@pytest.mark.usefixtures("no_compiler")
def test_a_layer_that_cannot_be_compiled_may_refuse_it():
    found = function_transforms.measure(LayerUnderTest(LAYERS["backprop-rk4"], FULL), neural)
    assert all(m.holds for m in found.measurements)
    assert "under torch.compile" not in found.facts["function transforms"]


@pytest.mark.usefixtures("no_compiler")
def test_a_layer_that_promises_it_may_not_refuse_it():
    found = evidence("compiled-rk4")
    assert not all(m.holds for m in found.measurements)
    assert "The layer raises under torch.compile: BackendCompilerFailed" in found.diagnosis


def never_traced(dynamics, t0, t1, n_steps):
    return torch.compiler.disable(LAYERS["backprop-rk4"].build(dynamics, t0, t1, n_steps).solve)


def test_what_is_never_traced_is_said_not_to_be_tried():
    layer = TorchLayer("never-traced", never_traced, supports={"compile"})
    found = function_transforms.measure(LayerUnderTest(layer, CI), neural)
    assert found.facts["not tried under torch.compile"] == "torch.compile traces no operation of the layer"
    assert "under torch.compile" not in found.facts["function transforms"]


def test_nothing_of_the_compiler_is_left():
    with isolated(0):
        evidence("compiled-rk4")
    limit, level = torch._dynamo.config.recompile_limit, logging.getLogger("torch._dynamo").level
    assert limit > MOST_GRAPHS_OF_A_FRAME
    assert level < logging.CRITICAL
