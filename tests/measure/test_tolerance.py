"""A tolerance sweep is long enough to decide, and costs no more than it has to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from wrong_layers import adaptive

from nodecheck.checks import forward_tolerance, gradient_tolerance
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.measure.tolerance import affordable, follows_tolerance, growth_above, one_more
from nodecheck.options.profile import CI
from nodecheck.problems import neural


def costing(evaluations):
    """Return a layer that evaluates the field so many times at each tolerance, and the tolerances it saw."""
    seen = []

    def build(dynamics, t0, t1, tol):
        def solve(y0):
            seen.append(tol)
            for _ in range(evaluations(tol)):
                slope = dynamics(t0, y0)
            return y0 + 0 * slope

        return solve

    return TorchLayer("costing", build), seen


def order(p, first):
    return lambda tol: round(first * (1e-3 / tol) ** (1 / p))


def test_a_cheap_layer_is_swept_over_all_decades():
    layer, _ = costing(order(5, 20))
    assert affordable(LayerUnderTest(layer, CI), neural) == pytest.approx(
        (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
    )


def test_a_layer_of_low_order_is_swept_over_two_decades():
    layer, _ = costing(order(2, 40))
    assert affordable(LayerUnderTest(layer, CI), neural) == pytest.approx((1e-3, 1e-4, 1e-5))


def test_no_tolerance_is_solved_that_is_not_used():
    layer, seen = costing(order(2, 40))
    sweep = affordable(LayerUnderTest(layer, CI), neural)
    assert seen == list(sweep)


def test_few_and_therefore_irregular_steps_ask_for_three_decades():
    layer, _ = costing(order(1, 8))
    assert len(affordable(LayerUnderTest(layer, CI), neural)) == 4


def test_a_larger_budget_lengthens_the_sweep():
    layer, _ = costing(order(2, 40))
    assert len(affordable(LayerUnderTest(layer, replace(CI, evaluations=2_000)), neural)) == 4


def test_one_more_tolerance_keeps_the_ratio():
    layer, _ = costing(order(5, 20))
    sweep = one_more(LayerUnderTest(layer, CI), neural, (1e-3, 1e-4, 1e-5))
    assert sweep == pytest.approx((1e-3, 1e-4, 1e-5, 1e-6))


def test_one_more_tolerance_is_refused_where_it_costs_too_much():
    layer, _ = costing(order(2, 40))
    assert one_more(LayerUnderTest(layer, CI), neural, (1e-4, 1e-5)) == (1e-4, 1e-5)


def test_a_stall_of_the_error_that_ends_is_no_plateau():
    """The error of a method with few steps a decade stands still for three tolerances, then falls."""

    def stalling(tol):
        return 3e-6 * (tol < 1e-5) if tol > 5e-9 else 0.0

    layer = adaptive()
    build = layer.build
    stalled = TorchLayer(
        "stalled",
        lambda dynamics, t0, t1, tol: lambda y0: build(dynamics, t0, t1, tol)(y0) * (1 + stalling(tol)),
    )
    (growth,) = forward_tolerance.measure(
        LayerUnderTest(stalled, replace(CI, decades=5)), neural
    ).measurements
    assert growth.holds


def test_a_plateau_remains_one_over_the_longer_sweep():
    layer = adaptive()
    build = layer.build
    wrong = TorchLayer(
        "plateau", lambda dynamics, t0, t1, tol: lambda y0: build(dynamics, t0, t1, tol)(y0) * (1 + 1e-5)
    )
    evidence = forward_tolerance.measure(LayerUnderTest(wrong, CI), neural)
    assert not evidence.measurements[0].holds


def test_a_gradient_with_many_components_is_asked_for_fewer_cotangents():
    counts = []

    class Watched(LayerUnderTest):
        def gradients(self, problem, resolution, count=None):
            counts.append(count)
            return super().gradients(problem, resolution, count)

    gradient_tolerance.measure(Watched(adaptive(), CI), neural)
    assert max(counts) == 2


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_difference_that_is_not_finite_does_not_follow_the_tolerance(broken):
    layer, _ = costing(order(5, 20))

    def measure(tol):
        return broken if tol > 3e-4 else tol

    (measurement,) = follows_tolerance("difference", LayerUnderTest(layer, CI), neural, measure)
    assert not measurement.holds


def test_an_error_that_jumps_and_ends_at_the_floor_follows_the_tolerance():
    assert growth_above((1e-4, 1e-6, 1e-8), (1e-2, 1e-16, 1e-16), 1e-15) == 0.0


def test_an_error_that_jumps_about_a_plateau_does_not():
    tolerances = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
    assert growth_above(tolerances, (0.8, 3e-3, 0.9, 0.8, 3e-3, 0.9), 1e-15) > 0.9


def test_a_state_that_is_infinite_at_a_loose_tolerance_does_not_make_the_others_shrink():
    build = adaptive().build

    def wild(tol):
        return float("inf") if tol > 3e-4 else 1e-3

    wrong = TorchLayer(
        "wild", lambda dynamics, t0, t1, tol: lambda y0: build(dynamics, t0, t1, tol)(y0) * (1 + wild(tol))
    )
    assert not forward_tolerance.measure(LayerUnderTest(wrong, CI), neural).measurements[0].holds
