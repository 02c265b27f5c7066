"""A setting that a layer leaves changed is named."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
from wrong_layers import after, rk4

from nodecheck.checks import nothing_mutated
from nodecheck.layers import LayerUnderTest
from nodecheck.options.profile import SMOKE
from nodecheck.problems import neural

SETTINGS = {
    "anomaly detection": lambda: torch.autograd.set_detect_anomaly(True, check_nan=False),
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "deterministic algorithms": lambda: torch.use_deterministic_algorithms(True),
    "floating-point errors of NumPy": lambda: np.seterr(under="raise"),
    "garbage collection": gc.disable,
    "number of threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
}


@pytest.fixture(autouse=True)
def _restored():
    dtype, threads, errors = torch.get_default_dtype(), torch.get_num_threads(), np.geterr()
    yield
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)
    np.seterr(**errors)
    torch.use_deterministic_algorithms(False)
    torch.autograd.set_detect_anomaly(False)
    gc.enable()


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
    torch.use_deterministic_algorithms(True)
    assert diagnosis(rk4()) == ""


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
