"""The order that a layer shows where none is claimed, and the error that its order does not explain."""

from __future__ import annotations

import pytest
from right_multistep import MULTISTEP
from wrong_layers import Backward, after, euler_step, marching, rk4, rk4_step

from nodecheck.checks import forward_order, gradient_order
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.measure.convergence import order_of
from nodecheck.measure.limits import limit_measurements
from nodecheck.options.profile import CI, SMOKE
from nodecheck.problems import neural
from nodecheck.results import Inconclusive

UNCLAIMED = {"order": None, "adjoint": None}


def stalling(floor, **claims):
    """Return RK4 with a relative error that no step makes smaller."""
    return after(lambda _y0, y1: y1 * (1 + floor), **{**UNCLAIMED, **claims})


def first_order_gradient(dynamics, t0, t1, n_steps):
    """Return RK4 with a floor, whose gradient is off by 1/n."""
    solve = marching(rk4_step)(dynamics, t0, t1, n_steps)
    return lambda y0: Backward.apply(solve(y0), lambda w: w * (1 + 1 / n_steps)) * (1 + 3e-7)


@pytest.mark.parametrize("floor", [1e-6, 3e-7, 1e-7, 1e-8, 1e-9])
@pytest.mark.parametrize("profile", [SMOKE, CI], ids=lambda profile: profile.name)
def test_an_order_is_read_off_above_the_floor_of_the_layer(floor, profile):
    assert order_of(LayerUnderTest(stalling(floor), profile)) == 4


def test_a_layer_that_is_at_its_floor_from_the_start_has_no_order():
    with pytest.raises(Inconclusive, match="none can be measured: successive orders"):
        order_of(LayerUnderTest(stalling(1e-5), CI))


def test_an_order_without_a_floor_is_that_of_the_last_levels():
    assert order_of(LayerUnderTest(rk4(**UNCLAIMED), CI)) == 4


def test_a_gradient_of_order_one_is_held_to_the_order_above_the_floor():
    layer = TorchLayer("order one backwards", first_order_gradient)
    measurements = gradient_order.measure(LayerUnderTest(layer, SMOKE), neural).measurements
    orders = [m for m in measurements if m.name.startswith("order of")]
    assert orders
    assert not any(m.holds for m in orders)


def first_order(*, state=0.0, gradient=0.0):
    """Return Euler's method with a relative error of y1, and of the gradient of y0, at every step."""

    def build(dynamics, t0, t1, n_steps):
        solve = marching(euler_step)(dynamics, t0, t1, n_steps)
        return lambda y0: solve(Backward.apply(y0, lambda w: w * (1 + gradient))) * (1 + state)

    return LayerUnderTest(TorchLayer("euler", build, order=1, adjoint="discrete"), CI)


def violated(evidence):
    return [m.name for m in evidence.measurements if not m.holds]


def test_a_constant_error_of_y1_below_that_of_euler_is_seen():
    evidence = forward_order.measure(first_order(state=1e-3), neural)
    assert violated(evidence) == ["error of y1, extrapolated to a step of zero"]
    assert "A part of the error does not depend on the step" in evidence.diagnosis


def test_a_constant_error_of_one_gradient_below_that_of_euler_is_seen():
    evidence = gradient_order.measure(first_order(gradient=1e-3), neural)
    assert violated(evidence) == ["error of ∂L/∂y0, extrapolated to a step of zero"]
    assert "A part of the error does not depend on the step" in evidence.diagnosis


def test_a_constant_error_of_the_forward_pass_is_not_blamed_on_the_gradient():
    with pytest.raises(Inconclusive, match="the forward pass decides, not the gradient"):
        gradient_order.measure(first_order(state=1e-3), neural)


@pytest.mark.parametrize("check", [forward_order, gradient_order], ids=lambda check: check.id)
def test_the_limit_of_a_right_method_of_first_order_is_judged_and_holds(check):
    evidence = check.measure(first_order(), neural)
    assert [m.name for m in evidence.measurements if "a step of zero" in m.name]
    assert violated(evidence) == []


@pytest.mark.parametrize("layer", MULTISTEP, ids=lambda layer: layer.name)
def test_the_limit_of_a_method_with_another_expansion_is_explained(layer):
    measurements = limit_measurements(LayerUnderTest(layer, CI), layer.order, neural)
    assert measurements
    assert all(m.holds for m in measurements)
