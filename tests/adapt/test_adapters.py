"""The adapter of each public shape has at most ten lines; right layers pass with it, wrong ones fail."""

from __future__ import annotations

import inspect

import public_layers
import pytest
from adapters import BUILDS, LAYERS
from torch import nn

import nodecheck
from nodecheck import adapt
from nodecheck.layers import TorchLayer
from nodecheck.neural_ode import ODELayer
from nodecheck.results import Status

SELECTIONS = ("*-order", "constant-field*", "gradient-completeness", "reverse-time", "time-precision")
CANNOT_BE_REFINED = "a module with ten steps"


def results(layer, *selections):
    """Return the results of some checks by their id."""
    runs = [nodecheck.run(layer, profile="smoke", select=pattern) for pattern in selections]
    return {result.check: result for run in runs for result in run.results}


@pytest.mark.parametrize("name", BUILDS)
def test_an_adapter_has_ten_lines_at_most(name):
    assert len(inspect.getsource(BUILDS[name]).rstrip().splitlines()) <= 10


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_a_right_layer_of_any_shape_passes(layer):
    found = results(layer, *SELECTIONS)
    judged = {r.status for r in found.values() if r.status is not Status.SKIPPED}
    allowed = {Status.PASSED, Status.INCONCLUSIVE} if layer.name == CANNOT_BE_REFINED else {Status.PASSED}
    assert judged == allowed
    assert {found[c].status for c in ("constant-field", "gradient-completeness")} == {Status.PASSED}


@pytest.mark.parametrize("adjoint", ["continuous", "discrete", "checkpointed"])
def test_an_adjoint_finds_the_parameters_behind_views(adjoint):
    def build(dynamics, t0, t1, n_steps):
        f = adapt.subclass(adapt.swapped(adapt.swapped(dynamics)), nn.Module)
        return ODELayer(f, t0, t1, n_steps, solver="heun", adjoint=adjoint)

    found = results(TorchLayer("behind views", build, order=2), "gradient-*")
    assert found["gradient-completeness"].status is Status.PASSED
    assert found["gradient-order"].status is Status.PASSED


def with_a_step_too_many(f, times, y):
    """Return the states of one step beyond the end too: a trajectory then has one state too many."""
    times = [*times, times[-1] + (times[-1] - times[-2])]
    return MARCH(f, times, y)


MARCH = public_layers.march


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_a_wrong_layer_of_any_shape_is_caught(layer, monkeypatch):
    monkeypatch.setattr(public_layers, "march", with_a_step_too_many)
    found = results(layer, "constant-field")
    assert found["constant-field"].status is Status.FAILED
    assert found["forward-pass"].status is Status.PASSED
