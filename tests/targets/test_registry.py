"""Registered names stand for layers; the error for a missing library names the library and the remedy."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from nodecheck.layers import LayerUnderTest
from nodecheck.options.profile import CI
from nodecheck.problems import neural
from nodecheck.targets import registry
from nodecheck.targets.imports import TargetError, why_not_importable
from nodecheck.targets.registry import MissingLibrary, registered_layers, registered_names

LIBRARIES = ("torchdiffeq", "torchode", "torchdyn")


def importable(name):
    try:
        return registered_layers(name)
    except MissingLibrary:
        return ()


# Of fixed-step layers whose number of evaluations follows from that of the steps: no implicit methods.
FIXED = [
    layer
    for name in registered_names()
    for layer in importable(name)
    if not layer.adaptive and not layer.name.endswith(("implicit_adams", "ieuler"))
]


def test_names_are_unique():
    assert len(set(registered_names())) == len(registered_names())


@pytest.mark.parametrize("name", registered_names())
def test_every_layer_is_named_after_its_target(name):
    layers = importable(name)
    if not layers:
        pytest.skip(f"{name} cannot be imported here")
    assert all(layer.name.startswith(f"{name}-") for layer in layers)


@pytest.mark.parametrize("name", registered_names())
def test_layers_of_a_target_have_different_names(name):
    names = [layer.name for layer in importable(name)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", LIBRARIES)
def test_an_installed_library_that_cannot_be_imported_is_missing_for_that_reason(name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda wanted: None if wanted == "torchvision" else True)
    monkeypatch.setattr(registry, "why_not_importable", lambda _: "RuntimeError: operator does not exist")
    with pytest.raises(MissingLibrary) as caught:
        registered_layers(name)
    assert str(caught.value).startswith(
        f"{name} is installed but cannot be imported, got RuntimeError: operator does not exist; `python -c"
    )


def test_the_reason_advises_to_remove_a_torchvision_that_torchdyn_trips_over(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(registry, "why_not_importable", lambda _: "RuntimeError: torchvision::nms")
    with pytest.raises(MissingLibrary, match="remove it with `python -m pip uninstall torchvision`"):
        registered_layers("torchdyn")


def test_why_a_library_cannot_be_imported_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "library_that_raises.py").write_text("raise RuntimeError('first\\nsecond')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert why_not_importable("library_that_raises") == "RuntimeError: first"


def test_a_library_that_can_be_imported_has_no_such_reason():
    assert why_not_importable("json") == ""


def test_a_library_that_the_adapter_does_not_fit_is_a_target_that_cannot_be_loaded(monkeypatch):
    misfit = registry.RegisteredTarget("misfit", "nodecheck.layers.not_there", "", library="json")
    monkeypatch.setattr(registry, "REGISTERED", (misfit,))
    with pytest.raises(TargetError, match=r"expected 'nodecheck\.layers\.not_there' to import"):
        registered_layers("misfit")


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_missing_library_is_named_with_its_extra(name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingLibrary) as caught:
        registered_layers(name)
    assert str(caught.value) == (
        f"{name} needs the library {name}, which is not installed; "
        f"install it with `python -m pip install {name}`"
    )


@pytest.mark.parametrize("interval", [(0.3, 1.7), (1.7, 0.3)])
@pytest.mark.parametrize("layer", FIXED, ids=lambda layer: layer.name)
def test_a_fixed_step_layer_takes_as_many_steps_as_it_is_told(layer, interval):
    problem = neural.with_interval(*interval)
    under_test = LayerUnderTest(layer, CI)
    counts = {n: under_test.solve(problem, n).evaluations for n in (7, 49, 50)}
    assert counts[50] - counts[49] == counts[7] // 7


# Layers whose backward pass alone has an option, beside those without it, and the resolution of both.
BACKWARD_OPTIONS = [
    ("torchdiffeq-odeint_adjoint-midpoint-adjoint_rk4", "torchdiffeq-odeint_adjoint-midpoint", 16),
    ("torchdiffeq-odeint_adjoint-dopri5-adjoint_bosh3", "torchdiffeq-odeint_adjoint-dopri5", 1e-4),
    ("torchdiffeq-odeint_adjoint-dopri5-adjoint_adaptive_heun", "torchdiffeq-odeint_adjoint-dopri5", 1e-4),
    ("torchdyn-adjoint-euler-adjoint_midpoint", "torchdyn-adjoint-euler", 16),
    ("torchdyn-adjoint-dopri5-adjoint_tsit5", "torchdyn-adjoint-dopri5", 1e-4),
    ("torchode-autodiff-dopri5-constant_steps", "torchode-autodiff-dopri5", 1e-4),
]


@pytest.mark.filterwarnings("ignore:Setting tolerances has no effect")
@pytest.mark.parametrize(("name", "plain", "resolution"), BACKWARD_OPTIONS)
def test_an_option_of_the_backward_pass_changes_the_gradient_alone(name, plain, resolution):
    library = {layer.name: layer for layer in importable(name.partition("-")[0])}
    if not library:
        pytest.skip(f"the library of {name} cannot be imported here")
    cotangent = np.ones_like(neural.y0)
    found, usual = (LayerUnderTest(library[one], CI) for one in (name, plain))
    assert np.array_equal(found.solve(neural, resolution).y1, usual.solve(neural, resolution).y1)
    gradients = [one.pullback(neural, resolution, cotangent).gradients["y0"] for one in (found, usual)]
    assert not np.array_equal(*gradients)


@pytest.mark.parametrize("name", ["torchdiffeq-odeint-rk4", "torchdiffeq-odeint_adjoint-rk4"])
def test_the_backward_pass_of_torchdiffeq_takes_the_same_number_of_steps(name):
    layer = next(layer for layer in FIXED if layer.name == name)
    pullback = LayerUnderTest(layer, CI).pullback(neural, 50, np.ones_like(neural.y0))
    assert len(pullback.calls) in (0, 200)
