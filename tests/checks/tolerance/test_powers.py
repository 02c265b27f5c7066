"""Powers of t: exact where no error is estimated, whatever brings the state to t1."""

from __future__ import annotations

import pytest
import torch
from right_controllers import RIGHT
from wrong_layers import adaptive

from nodecheck.checks import power_tolerance
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import CI

SPECIMENS = {mutant.name: mutant.layer for mutant in MUTANTS}


def evidence(layer):
    return power_tolerance.measure(LayerUnderTest(layer, CI), None)


def holds(layer):
    return all(m.holds for m in evidence(layer).measurements)


@pytest.mark.parametrize("layer", [*RIGHT, adaptive()], ids=lambda layer: layer.name)
def test_right_layers_of_every_order_pass(layer):
    found = evidence(layer)
    assert all(m.holds for m in found.measurements)
    assert found.diagnosis == ""


def test_a_low_order_is_asked_about_few_powers():
    (low,) = [layer for layer in RIGHT if layer.name == "bogacki-shampine"]
    assert len(evidence(low).series) < len(evidence(adaptive()).series)


def test_linear_interpolation_to_the_end_is_named():
    found = evidence(SPECIMENS["end-interpolated"])
    assert [m.holds for m in found.measurements[:4]] == [False, False, False, True]
    assert "interpolation to t1" in found.diagnosis


def test_an_estimate_that_does_not_see_time_fails_beyond_the_order():
    found = evidence(SPECIMENS["estimate-blind-to-time"])
    assert [m.holds for m in found.measurements][:6] == [True, True, True, True, False, False]


def test_wrong_stage_times_cost_evaluations():
    found = evidence(SPECIMENS["adaptive-stage-times-at-start"])
    assert not found.measurements[-1].holds
    assert "stage times are wrong" in found.diagnosis


def test_a_state_that_is_not_finite_fails():
    build = adaptive().build

    def broken(dynamics, t0, t1, tol):
        return lambda y: build(dynamics, t0, t1, tol)(y) * (torch.nan if tol < 1e-4 else 1.0)

    assert not holds(TorchLayer("broken", broken))
