"""A sudden change of the field: steps that meet it are taken back."""

from __future__ import annotations

import numpy as np
import pytest
from right_controllers import RIGHT
from scipy.integrate import quad
from wrong_layers import adaptive

from nodecheck.checks import Inconclusive
from nodecheck.checks.sudden import sudden_change, switch
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.layers.mutants import MUTANTS
from nodecheck.profiles import CI

SPECIMENS = {mutant.name: mutant.layer for mutant in MUTANTS}


def evidence(layer):
    return sudden_change.measure(LayerUnderTest(layer, CI), switch)


def test_the_closed_form_is_the_integral_of_the_field():
    c = switch.params["c"]
    zero = np.zeros((1, 2))
    integrals = [
        quad(lambda t, i=i: switch.vector_field(np.array(t), zero, c=c)[0, i], 0.3, 1.7, points=[0.93])[0]
        for i in range(2)
    ]
    assert np.allclose(switch.flow(switch.t1, zero, c=c)[0], integrals, atol=1e-9)


def test_the_field_is_zero_first_and_then_constant():
    c = switch.params["c"]
    before, after = (switch.vector_field(np.array(t), np.zeros((1, 2)), c=c) for t in (0.9, 0.96))
    assert np.abs(before).max() < 1e-20
    assert np.allclose(after, c)


@pytest.mark.parametrize("layer", [*RIGHT, adaptive()], ids=lambda layer: layer.name)
def test_right_layers_of_every_order_pass(layer):
    found = evidence(layer)
    assert all(m.holds for m in found.measurements)
    assert found.diagnosis == ""


def test_a_right_layer_that_never_looks_at_the_end_of_a_step_is_not_judged():
    """From 0.8 to 1.7 midpoint rules of one step and of two look at 1.025, 1.25 and 1.475, and accept."""

    def midpoint(dynamics, t, y, h):
        return y + h * dynamics(t + h / 2, y + h / 2 * dynamics(t, y))

    def build(dynamics, t0, t1, tol):
        def solve(y):
            t, h = t0, 0.1
            while t < t1:
                h = min(h, t1 - t)
                once = midpoint(dynamics, t, y, h)
                twice = midpoint(dynamics, t + h / 2, midpoint(dynamics, t, y, h / 2), h / 2)
                error = max(float((twice - once).detach().abs().max()) / tol, 1e-8)
                if error <= 1:
                    t, y = (t1 if h == t1 - t else t + h), twice
                h *= min(4.0, max(0.1, 0.9 * error ** (-1 / 3)))
            return y

        return solve

    layer = TorchLayer("step-doubling", build)
    with pytest.raises(Inconclusive, match="does not look at the end of its steps"):
        evidence(layer)


@pytest.mark.parametrize(
    "name",
    ["accepts-everything", "small-steps-accepted", "estimate-blind-to-time", "estimate-without-root"],
)
def test_a_controller_that_steps_over_it_fails(name):
    found = evidence(SPECIMENS[name])
    assert not found.measurements[0].holds
    assert "evaluations at the tightest are near the change at t = 0.93" in found.diagnosis
