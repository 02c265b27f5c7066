"""A sudden change of the field: steps that meet it are taken back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from right_controllers import RIGHT
from scipy.integrate import quad
from wrong_layers import adaptive, rk4_step

from nodecheck.checks import sudden_change
from nodecheck.checks.tolerance.step_rejection import switch
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import CI
from nodecheck.results import Inconclusive

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
    with pytest.raises(Inconclusive, match="does not look at the end of its steps, or ends before t1"):
        evidence(layer)


@pytest.mark.parametrize(
    "name",
    ["accepts-everything", "small-steps-accepted", "estimate-blind-to-time", "estimate-without-root"],
)
def test_a_controller_that_steps_over_it_fails(name):
    found = evidence(SPECIMENS[name])
    assert not found.measurements[0].holds
    assert "evaluations at the tightest are near the change at t = 0.93" in found.diagnosis


def doubling(*, most=1000, retried=1.0, shortened=True):
    """Return an adaptive layer that stops, puts weight on retried steps, or oversteps the end."""

    def build(dynamics, t0, t1, tol):
        def solve(y):
            t, h, weight = t0, (t1 - t0) / 10, 1.0
            for _ in range(most):
                h = min(h, t1 - t) if shortened else h
                fine = rk4_step(dynamics, t + h / 2, h / 2, rk4_step(dynamics, t, h / 2, y))
                error = float((fine - rk4_step(dynamics, t, h, y)).detach().abs().max()) / 15 / tol
                if error <= 1:
                    t, y = (t1 if h == t1 - t else t + h), y + weight * (fine - y)
                else:
                    weight *= retried
                if t >= t1:
                    break
                h *= min(4.0, max(0.25, 0.8 * (error + 1e-12) ** (-1 / 5)))
            return y

        return solve

    return TorchLayer("doubling", build)


def by_ratio(dynamics, t0, t1, tol):
    """Steps by the ratio of two errors, 0/0 where the field is zero; NaN is no reason to reject."""

    def solve(y):
        t, h, before = torch.tensor(t0), torch.tensor((t1 - t0) / 10), torch.tensor(1.0)
        while t < t1:
            h = torch.minimum(h, t1 - t)
            fine = rk4_step(dynamics, t + h / 2, h / 2, rk4_step(dynamics, t, h / 2, y))
            error = (fine - rk4_step(dynamics, t, h, y)).detach().abs().max() / 15 / tol
            factor = (0.8 * error ** (-1 / 5) * before ** (1 / 10)).clamp(0.25, 4.0)
            if not error > 1:
                t, y, before = t + h, fine, error
            h = h * factor
        return y

    return solve


def test_the_right_one_of_these_passes():
    assert evidence(doubling()).diagnosis == ""


@pytest.mark.parametrize("most", [4, 6, 9, 10])
def test_a_layer_that_stops_before_t1_is_said_to_and_is_not_left_undecided(most):
    found = evidence(doubling(most=most))
    assert not found.measurements[0].holds
    assert "what is left up to t1 is not integrated, without a word" in found.diagnosis
    assert "accepted" not in found.diagnosis


def test_where_a_layer_stops_is_told():
    text = evidence(doubling(most=10)).diagnosis
    assert "the field is evaluated last at t = 1.56 (a constant field at t1 = 1.7)" in text


@pytest.mark.parametrize(
    "layer",
    [doubling(shortened=False), SPECIMENS["end-overshot"]],
    ids=lambda one: one.name,
)
def test_a_state_beyond_t1_is_told_with_its_time(layer):
    assert "beyond t1 = 1.7" in evidence(layer).diagnosis


def test_a_state_that_is_not_finite_is_called_so():
    text = evidence(TorchLayer("by ratio", by_ratio)).diagnosis
    assert "y1 is not finite at tol = 0.0001, 1e-06, 1e-08" in text
    assert "accepted" not in text


def test_a_state_that_no_step_can_reach_is_called_divergent():
    text = evidence(doubling(retried=4.0)).diagnosis
    assert "times as far from y0 as the field can carry it from t0 to t1: it diverges" in text


def test_a_state_that_is_the_same_at_every_tolerance_may_mean_that_none_is_used():
    assert "or the tolerance is not used" in evidence(SPECIMENS["tolerance-ignored"]).diagnosis


def test_a_change_that_is_seen_is_not_said_to_be_stepped_over():
    right = doubling()

    def never_tighter(dynamics, t0, t1, tol):
        return right.build(dynamics, t0, t1, tol=max(tol, 1e-4))

    text = evidence(TorchLayer("never tighter", never_tighter)).diagnosis
    assert "it is seen, so the tolerance is not the one given, or the error is made elsewhere" in text
    assert "accepted" not in text
