"""A gradient that does not follow the tolerance is blamed on the pass that does not."""

from __future__ import annotations

import re

import pytest

from nodecheck.checks import gradient_tolerance
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.mutants import MUTANTS, ORIGINALS, AdaptiveAdjoint, as_layer
from nodecheck.mutants.adaptive import BackwardToleranceFixed
from nodecheck.options.profile import SMOKE
from nodecheck.problems import neural, spiral

SPECIMENS = {mutant.name: mutant.layer for mutant in MUTANTS}
FORWARD = "The forward pass itself does not follow the tolerance"
BACKWARD = "The backward pass has a tolerance, or steps, of its own: "


def at(tolerance, layer):
    """Return the layer with a tolerance that does not go below one of its own."""

    def build(dynamics, t0, t1, tol):
        return layer.build(dynamics, t0, t1, tol=max(tol, tolerance))

    return TorchLayer(f"{layer.name} at {tolerance}", build)


def diagnosis(layer, problem=neural):
    evidence = gradient_tolerance.measure(LayerUnderTest(layer, SMOKE), problem)
    assert any(not m.holds for m in evidence.measurements)
    return evidence.diagnosis


@pytest.mark.parametrize("problem", [neural, spiral], ids=lambda problem: problem.name)
def test_a_tolerance_that_is_ignored_throughout_is_no_mistake_of_the_backward_pass(problem):
    text = diagnosis(SPECIMENS["tolerance-ignored"], problem)
    assert text.startswith(FORWARD)
    assert text.endswith("and the gradient can be no better.")


def test_the_errors_of_the_forward_pass_are_told():
    assert "the error of y1 goes from 0.00024 to 0.00024" in diagnosis(SPECIMENS["tolerance-ignored"])


@pytest.mark.parametrize("problem", [neural, spiral], ids=lambda problem: problem.name)
def test_a_backward_pass_with_a_tolerance_of_its_own_is_named_by_what_it_costs(problem):
    text = diagnosis(SPECIMENS["backward-tolerance-fixed"], problem)
    assert text.startswith(BACKWARD)
    assert FORWARD not in text


def test_a_part_of_the_backward_pass_that_does_not_follow_is_named_still():
    text = diagnosis(SPECIMENS["parameters-not-converged"])
    assert "a part of the backward pass has an error, or a tolerance, of its own" in text


@pytest.mark.parametrize("name", ["adaptive-time-reversed", "adaptive-wrong-sign"])
def test_a_backward_pass_that_follows_the_tolerance_is_not_said_not_to(name):
    text = diagnosis(SPECIMENS[name])
    assert BACKWARD not in text
    assert FORWARD not in text


class SignAndTolerance(BackwardToleranceFixed):
    """The backward pass has a tolerance of its own, and the gradients of the parameters the wrong sign."""

    def backward(self, state):
        y, a, *pulled = super().backward(state)
        return (y, a, *(-g for g in pulled))


def test_a_mistake_beside_a_tolerance_of_the_backward_pass_is_named_as_well():
    text = diagnosis(as_layer(SignAndTolerance, claims=AdaptiveAdjoint))
    assert BACKWARD in text
    assert "sign flipped" in text


def test_a_mistake_beside_an_ignored_tolerance_is_named_as_well():
    text = diagnosis(at(1e-3, SPECIMENS["adaptive-wrong-sign"]))
    assert text.startswith(FORWARD)
    assert "sign flipped" in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("adaptive-adjoint", r"continuously consistent: its error shrinks with the tolerance, like tol\^\d"),
        ("adaptive-backprop", r"consistent: its error shrinks with the tolerance, like tol\^\d"),
    ],
)
def test_only_an_adjoint_equation_is_called_continuously_consistent(name, expected):
    (layer,) = [original for original in ORIGINALS if original.name == name]
    facts = gradient_tolerance.measure(LayerUnderTest(layer, SMOKE), neural).facts
    assert re.match(expected, facts["gradient class"])
