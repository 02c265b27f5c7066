"""States that output times cost, apart from those that steps cost."""

from __future__ import annotations

import pytest
from right_times import hermite_output

from nodecheck import ODELayer, TorchLayer
from nodecheck.checks.memory.law import memory_law
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.memory.outputs import judge_outputs, states_per_output
from nodecheck.mutants import MUTANTS, ORIGINALS
from nodecheck.options.profile import CI, SMOKE

SPECIMENS = {mutant.name: mutant.layer for mutant in MUTANTS} | {layer.name: layer for layer in ORIGINALS}


def own(adjoint, memory):
    def build(dynamics, ts, n_steps):
        layer = ODELayer(dynamics, ts[0], ts[-1], n_steps, solver="heun", adjoint=adjoint)
        return lambda y0: layer.solve(y0, ts)

    return TorchLayer(adjoint, build, order=2, memory=memory)


def per_output(layer, *, live=True):
    return states_per_output(LayerUnderTest(layer, SMOKE), live=live)


@pytest.mark.parametrize("live", [False, True])
def test_an_adjoint_keeps_one_state_for_each_output(live):
    assert per_output(SPECIMENS["adjoint-at-outputs"], live=live) == pytest.approx((1.0, 1.0))


def test_backprop_saves_nothing_more_for_an_output_than_the_steps_have():
    assert per_output(SPECIMENS["at-steps"], live=False) == pytest.approx((0.0, 0.0), abs=1e-9)


@pytest.mark.parametrize(
    ("adjoint", "memory"),
    [
        ("continuous", "constant"),
        ("discrete", "linear"),
        ("checkpointed", "sqrt"),
        ("reversible", "constant"),
    ],
)
def test_our_own_layer_costs_no_more_for_an_output_at_more_steps(adjoint, memory):
    assert judge_outputs(memory, *per_output(own(adjoint, memory))).holds


def test_interpolation_costs_some_states_for_each_output_and_passes():
    few, many = per_output(TorchLayer("hermite", hermite_output, memory="linear"))
    assert few == pytest.approx(many)
    assert few > 1
    assert judge_outputs("linear", few, many).holds


@pytest.mark.parametrize("name", ["each-output-from-the-start", "steps-before-outputs-kept"])
def test_a_cost_that_grows_with_the_steps_fails(name):
    found = memory_law.measure(LayerUnderTest(SPECIMENS[name], CI), None)
    assert [m.holds for m in found.measurements] == [True, False]
    assert "states that each output costs grow with the steps" in found.diagnosis


@pytest.mark.parametrize(
    ("claim", "many", "holds"),
    [("constant", 5.0, True), ("constant", 5.1, False), ("sqrt", 9.0, True), ("sqrt", 9.1, False)],
)
def test_what_an_output_may_cost_follows_the_claim(claim, many, holds):
    assert judge_outputs(claim, 4.0, many).holds is holds


def test_without_a_claim_the_states_per_output_are_a_fact_alone():
    layer = TorchLayer("unclaimed", SPECIMENS["each-output-from-the-start"].build, order=4)
    found = memory_law.measure(LayerUnderTest(layer, SMOKE), None)
    assert all(m.holds for m in found.measurements)
    assert found.facts["states per output"] == "1.9e+02 at 16 steps, 7.7e+02 at 64, saved by autograd"
