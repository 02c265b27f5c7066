"""The devices of a run: what is there, what is asked for, and the names of layers on each."""

import pytest

from nodecheck.options.devices import devices_of, not_measured, on_devices
from nodecheck.results import LayerCard

THERE, NOT_THERE = {"CUDA": "Some GPU"}, {"CUDA": "not available"}
CARDS = [LayerCard(name, "mine.py:LAYERS", "n_steps", order=4) for name in ("first", "second")]


@pytest.mark.parametrize(
    ("device", "environment", "expected"),
    [
        ("cpu", NOT_THERE, ("cpu",)),
        ("cpu", THERE, ("cpu",)),
        ("cuda", THERE, ("cuda",)),
        ("both", THERE, ("cpu", "cuda")),
        ("both", NOT_THERE, ("cpu",)),
        ("both", {}, ("cpu",)),
        ("both", {"CUDA": "not usable (driver too old)"}, ("cpu",)),
    ],
)
def test_layers_run_on_the_devices_that_are_meant_and_there(device, environment, expected):
    assert devices_of(device, environment) == expected


def test_a_device_that_is_not_there_is_refused_in_three_beats():
    with pytest.raises(ValueError, match=r"--device cuda expects a CUDA device, got none .*; measure with"):
        devices_of("cuda", NOT_THERE)


def test_a_layer_keeps_its_name_on_one_device_alone():
    assert [(c.name, c.device) for c in on_devices(CARDS, ("cuda",))] == [
        ("first", "cuda"),
        ("second", "cuda"),
    ]


def test_on_two_devices_the_second_has_another_name():
    found = [(c.name, c.device, c.name_in_target) for c in on_devices(CARDS[:1], ("cpu", "cuda"))]
    assert found == [("first", "cpu", "first"), ("first@cuda", "cuda", "first")]


def test_claims_are_the_same_on_every_device():
    assert {c.order for c in on_devices(CARDS, ("cpu", "cuda"))} == {4}


def test_that_cuda_was_not_measured_is_said_where_both_are_meant():
    (sentence,) = not_measured("both", NOT_THERE)
    assert sentence.startswith("CUDA was not measured on this machine")
    assert "--device cuda does it" in sentence


@pytest.mark.parametrize(("device", "environment"), [("both", THERE), ("cpu", NOT_THERE), ("cuda", THERE)])
def test_nothing_is_said_where_all_that_is_meant_is_measured(device, environment):
    assert list(not_measured(device, environment)) == []
