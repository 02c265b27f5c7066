"""Parameters that are no leaves: their gradient may be refused with an error, and not be lost or wrong."""

from __future__ import annotations

import dataclasses

import pytest
from right_layers import LAYERS
from torch.utils.checkpoint import checkpoint
from wrong_layers import layer, marching, rk4_step

from nodecheck.checks import computed_parameters
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import MUTANTS, ORIGINALS
from nodecheck.options.profile import CI
from nodecheck.results import Unsupported

SPECIMENS = {mutant.name: mutant.layer for mutant in MUTANTS}
RIGHT = {one.name: one for one in (*LAYERS, *ORIGINALS)}
PROMISED = {"computed-parameters"}


def measure(under_test):
    return computed_parameters.measure(LayerUnderTest(under_test, CI), *computed_parameters.problems)


def violated(evidence):
    return [m.name for m in evidence.measurements if not m.holds]


@pytest.mark.parametrize(
    "name", ["rk4-checkpointed", "differentiable-adjoint", "list-of-closures", "adjoint-rk4", "exact-trace"]
)
def test_a_right_layer_passes(name):
    found = measure(RIGHT[name])
    assert violated(found) == []
    assert found.diagnosis == ""


def test_a_backward_pass_with_the_parameters_of_the_forward_pass_may_promise_them():
    found = measure(dataclasses.replace(RIGHT["differentiable-adjoint"], supports=PROMISED))
    assert "cannot be used" not in found.facts
    assert violated(found) == []


def test_a_refusal_is_a_line_on_the_card():
    assert measure(RIGHT["adjoint-rk4"]).facts["cannot be used"] == "under torch.func.functional_call"


def test_a_refusal_of_what_is_promised_is_a_failure():
    found = measure(dataclasses.replace(RIGHT["adjoint-rk4"], supports=PROMISED))
    assert violated(found) == ["passes that raise under torch.func.functional_call"]


def test_a_layer_that_refuses_all_of_it_is_unsupported():
    with pytest.raises(Unsupported, match="when parameters are computed, under"):
        measure(RIGHT["rk4-by-functional-call"])  # it copies the module, which no computed tensor allows


def test_a_gradient_with_other_parameters_is_off_at_the_state_too():
    found = measure(SPECIMENS["parameters-read-in-backward"])
    assert "∂L/∂y0 is off by" in found.diagnosis
    assert "ctx.save_for_backward" in found.diagnosis


def test_checkpoints_run_again_with_other_parameters():
    def checkpointed(dynamics, t0, t1, n_steps):
        solve = marching(rk4_step)(dynamics, t0, t1, n_steps)
        return lambda y0: checkpoint(solve, y0, use_reentrant=False)

    assert violated(measure(layer(checkpointed))) == ["change under torch.func.functional_call"]


def test_weights_that_are_no_parameters_are_not_held_against_a_layer():
    found = measure(RIGHT["twice-adjoint-rk4"])
    assert violated(found) == []
    assert found.facts["weights that are no parameters"] == "get no gradient, without an error"


def test_weights_that_are_no_parameters_get_theirs_by_backpropagation():
    assert measure(RIGHT["backprop-rk4"]).facts["weights that are no parameters"] == "get theirs"


def test_a_state_that_is_wrong_beside_such_weights_is_a_failure():
    def detached(dynamics, t0, t1, n_steps):
        solve = marching(rk4_step)(dynamics, t0, t1, n_steps)
        if any(True for _ in dynamics.parameters()):
            return solve
        return lambda y0: 1.5 * (y1 := solve(y0)) - 0.5 * y1.detach()

    found = measure(layer(detached))
    assert violated(found) == ["change when weights are no parameters of the module"]
    assert "all gradients are off by 50 %" in found.diagnosis.lower()
