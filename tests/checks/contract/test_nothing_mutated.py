"""A setting, a parameter or a random state that a layer leaves changed is named."""

# ruff: noqa: NPY002
# The generator that all of a process shares is what layers may not touch.

from __future__ import annotations

import gc
import random
import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from wrong_layers import after, continuous, rk4

from nodecheck.backends.torch.settings import restored
from nodecheck.checks import nothing_mutated
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.options.profile import SMOKE
from nodecheck.problems import neural

SETTINGS = {
    "anomaly detection": lambda: torch.autograd.set_detect_anomaly(True, check_nan=False),
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "deterministic algorithms": lambda: torch.use_deterministic_algorithms(True),
    "floating-point errors of NumPy": lambda: np.seterr(under="raise"),
    "garbage collection": gc.disable,
    "garbage collection thresholds": lambda: gc.set_threshold(100, 5, 5),
    "precision of float32 products": lambda: torch.set_float32_matmul_precision("medium"),
    "print options of NumPy": lambda: np.set_printoptions(precision=3),
    "recursion limit": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    "warning filters": lambda: warnings.simplefilter("ignore", ResourceWarning),
    "number of threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
}


def diagnosis(layer):
    return nothing_mutated.measure(LayerUnderTest(layer, SMOKE), neural).diagnosis


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_stays_changed_is_named(name):
    def change(_y0, y1):
        SETTINGS[name]()
        return y1

    assert diagnosis(after(change)) == f"Changed by the layer: {name}."


def test_a_setting_that_was_changed_before_is_not_the_layers_doing():
    with restored():
        torch.use_deterministic_algorithms(True)
        assert diagnosis(rk4()) == ""


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
def test_everything_is_as_it_was_after_the_check():
    def change(_y0, y1):
        for setting in SETTINGS.values():
            setting()
        torch.manual_seed(0)
        np.random.seed(0)
        return y1

    before = settings()
    assert diagnosis(after(change)).count(",") > len(SETTINGS)
    assert settings() == before


def settings():
    """Return some of what holds for the whole process."""
    numbers = (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist())
    return numbers, torch.get_default_dtype(), np.geterr(), list(warnings.filters), sys.getrecursionlimit()


def test_filters_that_an_import_adds_are_not_the_layers_doing():
    first = [True]

    def change(_y0, y1):
        if first:
            first.clear()
            warnings.simplefilter("ignore", ResourceWarning)
        return y1

    assert diagnosis(after(change)) == ""


DRAWS = {
    "torch": (lambda: torch.rand(1), lambda: torch.manual_seed(0)),
    "NumPy": (np.random.rand, lambda: np.random.seed(0)),
    "Python": (random.random, lambda: random.seed(0)),
}


def calling(function):
    """Return a right layer that calls a function in its forward pass and ignores what it returns."""

    def change(_y0, y1):
        function()
        return y1

    return after(change)


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers_that_are_drawn_for_nothing_are_told(name):
    expected = f"random state of {name} (drawn from, although the answer does not depend on it)"
    assert diagnosis(calling(DRAWS[name][0])) == f"Changed by the layer: {expected}."


@pytest.mark.parametrize("name", DRAWS)
def test_a_generator_that_is_seeded_is_told(name):
    assert diagnosis(calling(DRAWS[name][1])) == f"Changed by the layer: random state of {name} (reseeded)."


def test_a_layer_that_is_random_by_design_may_draw():
    assert diagnosis(after(lambda y0, y1: y1 + 1e-3 * torch.randn_like(y0))) == ""


def test_a_layer_that_restores_the_random_state_may_seed():
    def change(_y0, y1):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return y1 + torch.zeros_like(y1) * torch.rand(1)

    assert diagnosis(after(change)) == ""


def test_a_layer_may_draw_its_own_parameters_when_it_is_built():
    def build(dynamics, t0, t1, n_steps):
        nn.Linear(3, 3)
        return rk4().build(dynamics, t0, t1, n_steps)

    assert diagnosis(TorchLayer("initialised", build)) == ""


def test_a_layer_that_seeds_when_it_is_built_is_told():
    def build(dynamics, t0, t1, n_steps):
        torch.manual_seed(0)
        return rk4().build(dynamics, t0, t1, n_steps)

    assert "random state of torch (reseeded)" in diagnosis(TorchLayer("seeded", build))


def test_parameters_that_are_replaced_by_others_are_told():
    def build(dynamics, t0, t1, n_steps):
        def solve(y0):
            dynamics.b1 = nn.Parameter(dynamics.b1.detach().clone())
            return rk4().build(dynamics, t0, t1, n_steps)(y0)

        return solve

    assert "which parameters the dynamics has" in diagnosis(TorchLayer("replaces", build))


def thawing(dynamics, t0, t1, n_steps):
    """Make every parameter require a gradient when the backward pass begins."""

    def solve(y0):
        y1 = rk4().build(dynamics, t0, t1, n_steps)(y0)
        y1.register_hook(lambda _cotangent: dynamics.requires_grad_() and None)
        return y1

    return solve


def test_a_frozen_parameter_that_is_thawed_is_told():
    found = diagnosis(TorchLayer("thaws", thawing))
    assert found == "Changed where b1 is frozen: which parameters require a gradient."


@pytest.mark.parametrize("layer", [rk4(), continuous()], ids=lambda layer: layer.name)
def test_a_right_layer_changes_nothing_in_either_pass(layer):
    evidence = nothing_mutated.measure(LayerUnderTest(layer, SMOKE), neural)
    assert [m.value for m in evidence.measurements] == [0, 0]


class Single(torch.autograd.Function):
    """Float32 of a state, whose backward pass clears the cotangent that it is given if it `spoils` it."""

    @staticmethod
    def forward(ctx, y, spoils):
        ctx.spoils = spoils
        return y.float()

    @staticmethod
    def backward(ctx, cotangent):
        pulled = cotangent.double()
        if ctx.spoils:
            cotangent.zero_()
        return pulled, None


@pytest.mark.parametrize(
    ("spoils", "words"), [(False, ""), (True, "Changed by the layer: cotangent.")], ids=["kept", "cleared"]
)
def test_a_float32_output_has_a_cotangent_that_is_compared_with_what_was_given(spoils, words):
    assert diagnosis(after(lambda _y0, y1: Single.apply(y1, spoils))) == words
