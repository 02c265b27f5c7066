"""Second derivatives: right, refused with an error, or dropped and wrong."""

from __future__ import annotations

import dataclasses

import pytest
from right_adjoints import ADJOINTS
from wrong_layers import continuous, detached_parameters, layer, pulling_back, rk4

from nodecheck.checks.second_order import second_derivatives
from nodecheck.diagnosis.penalties import explain_penalty
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import SMOKE
from nodecheck.problems import neural_quarter
from nodecheck.results import Inconclusive, Unsupported
from nodecheck.variations.penalties import PENALTIES

MUTANT = {mutant.name: mutant.layer for mutant in MUTANTS}
LINEAR, QUADRATIC = PENALTIES
(DIFFERENTIABLE,) = (one for one in ADJOINTS if one.name == "differentiable-adjoint")


def measure(wrong):
    return second_derivatives.measure(LayerUnderTest(wrong, SMOKE), neural_quarter)


def violated(evidence):
    return [m.name for m in evidence.measurements if not m.holds]


def test_a_refusal_with_an_error_is_unsupported_and_on_the_card():
    with pytest.raises(Unsupported, match="cannot be differentiated twice") as error:
        measure(continuous())
    assert error.value.facts == {"cannot be used": "differentiated twice"}


def test_a_refusal_fails_a_layer_that_promises_otherwise():
    evidence = measure(continuous(supports={"double-backward"}))
    assert violated(evidence)[0].startswith("passes that raise")
    assert "expects to be differentiated once" in evidence.diagnosis


def test_what_raises_only_if_the_cotangent_requires_a_gradient_is_no_refusal():
    evidence = measure(MUTANT["once-differentiable"])
    assert violated(evidence) == [f"penalties dropped without an error, {LINEAR.words}"]


def test_a_differentiable_adjoint_is_right_at_its_order():
    evidence = measure(DIFFERENTIABLE)
    assert violated(evidence) == []
    assert evidence.facts == {"second derivatives": "right"}


def test_what_has_no_first_derivative_is_not_judged():
    with pytest.raises(Inconclusive, match="nothing to differentiate again"):
        measure(layer(detached_parameters))


def test_what_has_a_wrong_first_derivative_is_not_judged():
    with pytest.raises(Inconclusive, match="does not converge itself"):
        measure(pulling_back(lambda w: 1.5 * w))


def test_only_what_does_not_show_the_claimed_order_is_asked_less():
    evidence = measure(rk4(order=4))
    assert all(m.bound == 3.5 for m in evidence.measurements)


@pytest.mark.parametrize(
    ("name", "penalty", "phrase"),
    [
        ("penalty-dropped", LINEAR, "is that of L alone"),
        ("penalty-dropped", LINEAR, 'expected_failures={"second-derivatives": "why"}'),
        ("state-detached-in-backward", LINEAR, "the state is held constant"),
        ("state-detached-in-backward", QUADRATIC, "the state is held constant"),
        ("cotangent-detached-in-backward", QUADRATIC, "the cotangent is held constant"),
        ("penalty-halved", LINEAR, "is 0.5 times the exact one"),
        ("parameter-penalty-dropped", QUADRATIC, "that on ∂L/∂θ is dropped"),
    ],
)
def test_a_cause_is_told_by_what_arrives_of_the_penalty(name, penalty, phrase):
    under_test = LayerUnderTest(MUTANT[name], SMOKE)
    assert phrase in explain_penalty(under_test, neural_quarter, 8, penalty)


def test_a_layer_that_freezes_a_parameter_is_judged_for_what_it_did():
    assert violated(measure(MUTANT["frozen-between-passes"]))


def test_a_gradient_that_is_not_finite_has_a_cause_of_its_own():
    wrong = dataclasses.replace(rk4(), build=root_of_zero)
    evidence = measure(wrong)
    assert violated(evidence)[0].startswith("gradients that are not finite")
    assert "a norm at zero" in evidence.diagnosis


def root_of_zero(dynamics, t0, t1, n_steps):
    """Return RK4 plus zero to the power of 1.5, which has one derivative there."""
    solve = rk4().build(dynamics, t0, t1, n_steps)
    return lambda y0: solve(y0) + (y0 - y0.detach()).abs() ** 1.5
