"""The energy over a long time: symplectic methods keep it, others do not, and it is no verdict."""

from __future__ import annotations

import dataclasses

import pytest
from right_mechanics import LAYERS

import nodecheck
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.measure.energy import energy_over_time
from nodecheck.options.profile import CI
from nodecheck.results import Status

BY_NAME = {layer.name: layer for layer in LAYERS}
SYMPLECTIC = ["symplectic-euler", "velocity-verlet", "position-verlet-at-times", "yoshida"]
OTHERS = ["nystroem", "nystroem-of-positions", "mechanics-by-tuples"]


def energy(layer):
    return energy_over_time(LayerUnderTest(layer, CI))


@pytest.mark.parametrize("name", SYMPLECTIC)
def test_the_energy_of_a_symplectic_method_stays(name):
    facts, _ = energy(BY_NAME[name])
    assert facts["energy"].startswith("stays within")


@pytest.mark.parametrize("name", OTHERS)
def test_the_energy_of_another_method_drifts(name):
    facts, _ = energy(BY_NAME[name])
    assert facts["energy"].startswith("drifts by")


def test_the_curve_of_the_energy_has_a_point_for_each_look():
    _, (curve,) = energy(BY_NAME["velocity-verlet"])
    assert len(curve.x) == len(curve.y) == 8
    assert max(map(abs, curve.y)) < 0.02


@pytest.mark.parametrize("name", ["implicit-leapfrog", "mechanics-adaptive"])
def test_nothing_is_told_of_a_layer_that_is_dear_or_adaptive(name):
    assert energy(BY_NAME[name]) == ({}, ())


def test_nothing_is_told_of_a_layer_of_first_order():
    def plain(dynamics, t0, t1, n_steps):
        return lambda y0: y0 + (t1 - t0) / n_steps * dynamics(t0, y0)

    assert energy(TorchLayer("plain", plain)) == ({}, ())


def test_nothing_is_told_of_a_layer_that_raises():
    def build(dynamics, t0, t1, n_steps):
        if n_steps > 100:
            message = "too many steps"
            raise RuntimeError(message)
        return BY_NAME["velocity-verlet"].build(dynamics, t0, t1, n_steps)

    assert energy(dataclasses.replace(BY_NAME["velocity-verlet"], build=build)) == ({}, ())


def test_an_energy_that_drifts_fails_no_check():
    run = nodecheck.run(BY_NAME["mechanics-by-tuples"], profile="smoke", select="solve-ivp-agreement")
    assert run.count(Status.FAILED, Status.ERROR) == 0
    assert any("drifts by" in r.facts.get("energy", "") for r in run.results)
