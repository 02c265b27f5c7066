"""Registered names stand for layers, and say what is missing."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from nodecheck.instruments import Call
from nodecheck.layers.registry import MissingLibrary, registered_layers, registered_names
from nodecheck.problems import neural

FIXED = [
    layer for name in ("odelayer", "torchdiffeq") for layer in registered_layers(name) if not layer.adaptive
]


def test_names_are_unique():
    assert len(set(registered_names())) == len(registered_names())


@pytest.mark.parametrize("name", registered_names())
def test_every_layer_is_named_after_its_target(name):
    assert all(layer.name.startswith(f"{name}-") for layer in registered_layers(name))


@pytest.mark.parametrize("name", ["torchdiffeq", "torchode"])
def test_a_missing_library_is_named_with_its_extra(name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingLibrary) as caught:
        registered_layers(name)
    assert str(caught.value) == (
        f"{name} needs the library {name}, which is not installed; "
        f"install it with `python -m pip install nodecheck[{name}]`"
    )


@pytest.mark.parametrize("interval", [(0.3, 1.7), (1.7, 0.3)])
@pytest.mark.parametrize("layer", FIXED, ids=lambda layer: layer.name)
def test_a_fixed_step_layer_takes_as_many_steps_as_it_is_told(layer, interval):
    problem = neural.with_interval(*interval)
    calls = {n: forward_calls(layer.vjp(problem, n)) for n in (7, 49, 50)}
    assert len(calls[50]) - len(calls[49]) == len(calls[7]) // 7


def forward_calls(solution) -> list[Call]:
    return [call for call in solution.trace.calls if call.phase == "forward"]


@pytest.mark.parametrize("name", ["torchdiffeq-odeint-rk4", "torchdiffeq-odeint_adjoint-rk4"])
def test_the_backward_pass_of_torchdiffeq_takes_the_same_number_of_steps(name):
    layer = next(layer for layer in FIXED if layer.name == name)
    solution = layer.vjp(neural, 50)
    solution.pullback(np.ones_like(solution.y1))
    assert len(solution.trace.times("backward")) in (0, 200)
