"""Levels of a memory measurement, and the number that the counts of a layer are a function of."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import pytest
import torch
from right_adaptive import ADAPTIVE

from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.measure.memory.footprints import footprints
from nodecheck.measure.memory.ladder import abscissa, at_level, few_steps, kept_evaluations
from nodecheck.numerics.constants import FLOOR_IN_STATES
from nodecheck.options.profile import CI
from nodecheck.results import Inconclusive
from nodecheck.targets.third_party.odelayer import LAYERS as OWN

torchdiffeq = pytest.importorskip("torchdiffeq")
FIXED = LayerUnderTest(next(layer for layer in OWN if not layer.adaptive), CI)
METHODS = ("adaptive_heun", "fehlberg2", "bosh3", "dopri5", "dopri8")


def adaptive_odeint(method, function="odeint"):
    def build(dynamics, t0, t1, tol):
        times = torch.tensor([t0, t1], dtype=torch.float64)
        solve = getattr(torchdiffeq, function)
        return lambda y0: solve(dynamics, y0, times, method=method, rtol=tol, atol=tol)[-1]

    return TorchLayer(f"{function}-{method}", build)


def measured(layer):
    patient = replace(CI, seconds=20 * CI.seconds)  # the machine may be busy
    return footprints(LayerUnderTest(layer, patient), live=True)


@functools.cache
def of_method(method):
    return measured(adaptive_odeint(method))


@pytest.mark.parametrize("method", METHODS)
def test_an_adaptive_layer_saves_the_same_for_each_evaluation_that_is_kept(method):
    prints = of_method(method)
    fit = prints.fit(prints.saved)
    assert fit.laws == ("linear",)
    # Narrow passes that are predicted miss one state at the end of the ladder at most.
    assert fit.rate == pytest.approx(6.0, abs=FLOOR_IN_STATES / (prints.n[-1] - prints.n[0]))


def test_the_peak_of_adaptive_backprop_is_linear_too():
    prints = of_method("dopri5")
    assert prints.fit(prints.states).laws == ("linear",)


def test_the_peak_of_an_adaptive_adjoint_is_constant():
    prints = measured(adaptive_odeint("fehlberg2", "odeint_adjoint"))
    assert len(set(prints.states)) == 1


@pytest.mark.parametrize("layer", ADAPTIVE, ids=lambda layer: layer.name)
def test_an_adaptive_layer_written_by_hand_gets_the_law_it_claims(layer):
    prints = measured(layer)
    assert prints.fit(prints.states).laws == (layer.memory,)


def test_a_controller_that_rejects_every_other_step_disturbs_nothing():
    def build(dynamics, t0, t1, tol):
        def solve(y):
            h, t, tries = 0.1, t0, 0
            while t < t1:
                h, tries = min(h, t1 - t), tries + 1
                trial = y + h * dynamics(t, y)
                dynamics(t + h, trial)
                if tries % 2:  # reject it and halve the step
                    trial = y + h / 2 * dynamics(t, y)
                    dynamics(t + h / 2, trial)
                    h = h / 2
                t, y, h = t + h, trial, 0.1
            return y

        return solve

    prints = measured(TorchLayer("rejects", build))
    assert prints.fit(prints.states).laws == ("linear",)


def test_evaluations_of_rejected_steps_are_left_out():
    # Three evaluations pass two times; the second level has rejected one step, the fourth two.
    assert kept_evaluations([3, 9, 12, 21], [2, 4, 6, 10]) == (3, 6, 9, 15)


def test_two_levels_are_enough_to_see_that_steps_follow():
    assert abscissa(FIXED, [4, 9], [4, 9], [(), ()]) == ((4.0, 9.0), "steps")


def test_steps_that_reach_a_ceiling_are_no_ladder():
    with pytest.raises(Inconclusive, match="cannot be changed"):
        abscissa(FIXED, [1, 4, 9, 16], [1, 2, 2, 2], [()] * 4)


def test_times_without_a_value_leave_the_evaluations():
    def build(dynamics, t0, t1, tol):
        n = round((t1 - t0) / 0.1)

        def solve(y):
            for _ in range(n):
                y = y + (t1 - t0) / n * dynamics(math.nan, y)
            return y

        return solve

    prints = measured(TorchLayer("timeless", build))
    assert prints.n == tuple(p.evaluations[0] for p in prints.passes)


def test_a_level_costs_methods_of_low_and_of_high_order_about_the_same():
    counts = [of_method(m).passes[-1].evaluations[0] for m in ("adaptive_heun", "dopri8")]
    assert max(counts) < 2 * min(counts)


def test_few_steps_of_an_adaptive_layer_are_a_short_interval():
    layer = LayerUnderTest(adaptive_odeint("bosh3"), CI)
    assert few_steps(layer, 128).problem.duration < at_level(layer, 4, 128).problem.duration


def test_the_ladder_of_a_cheap_layer_is_longer():
    layer = LayerUnderTest(adaptive_odeint("bosh3"), replace(CI, memory_evaluations=10))
    assert len(footprints(layer, live=False).n) == 6
