"""The order that an adaptive layer claims, against the evaluations that its error costs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from right_controllers import RIGHT
from wrong_layers import adaptive

from nodecheck.checks import forward_tolerance
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import CI
from nodecheck.problems import neural

SPECIMENS = {mutant.name: mutant.layer for mutant in MUTANTS}
NAME = "observed order against evaluations"


def evidence(layer):
    return forward_tolerance.measure(LayerUnderTest(layer, CI), neural)


def orders(layer):
    return [m for m in evidence(layer).measurements if m.name == NAME]


@pytest.mark.parametrize("layer", RIGHT, ids=lambda layer: layer.name)
def test_right_layers_show_the_order_that_they_claim(layer):
    assert all(m.holds for m in evidence(layer).measurements)


def test_an_order_is_asked_for_only_where_one_is_claimed():
    five = replace(adaptive(), order=5)
    assert len(orders(five)) == 1
    assert orders(replace(five, order=None)) == []


def test_high_orders_are_not_asked_for():
    (high,) = [layer for layer in RIGHT if layer.order == 8]
    assert orders(high) == []


@pytest.mark.parametrize("name", ["adaptive-stage-times-at-start", "end-interpolated"])
def test_a_wrong_method_misses_its_order_although_the_error_is_controlled(name):
    growth, order, *_ = evidence(SPECIMENS[name]).measurements
    assert growth.holds
    assert not order.holds


def test_a_mistyped_coefficient_costs_orders():
    (order,) = orders(SPECIMENS["coefficient-mistyped"])
    assert order.value < 1.5


def test_the_order_that_is_seen_is_named():
    assert "like N^(-0.9)" in evidence(SPECIMENS["adaptive-stage-times-at-start"]).diagnosis
