"""Layers whose state and parameters are complex numbers."""

from __future__ import annotations

import dataclasses

import pytest
from right_complex import COMPLEX

from nodecheck.checks.contract.complex_state import complex_state
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.mutants import ORIGINALS
from nodecheck.mutants.complex_state import COMPLEX_STATE
from nodecheck.options.profile import CI
from nodecheck.problems.complex_state import complex_pairs, complex_real_force
from nodecheck.results import Skip, Unsupported

BOTH = pytest.mark.parametrize("problem", [complex_pairs, complex_real_force], ids=lambda p: p.name)
LAYERS = {layer.name: layer for layer in (*ORIGINALS, *COMPLEX, *(m.layer for m in COMPLEX_STATE))}
RIGHT = ["backprop-euler", "backprop-rk4", "adjoint-rk4", "adaptive-backprop", "adaptive-adjoint", "at-steps"]
RIGHT += [layer.name for layer in COMPLEX]


def evidence(layer, problem=complex_pairs):
    return complex_state.measure(LayerUnderTest(layer, CI), problem)


def refusing(*supports):
    """Return a layer that refuses a complex state."""

    def build(dynamics, t0, t1, n_steps):
        right = LAYERS["backprop-rk4"].build(dynamics, t0, t1, n_steps)

        def solve(y0):
            if y0.is_complex():
                message = "y0 must be real"
                raise TypeError(message)
            return right(y0)

        return solve

    return TorchLayer("refusing", build, supports=supports)


@BOTH
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_layer_has_the_answer_of_the_parts(name, problem):
    found = evidence(LAYERS[name], problem)
    assert found.measurements
    assert all(m.holds for m in found.measurements)
    assert "work" in found.facts.values()


@BOTH
@pytest.mark.parametrize("wrong", COMPLEX_STATE, ids=lambda mutant: mutant.name)
def test_a_layer_that_is_wrong_without_an_error_fails(wrong, problem):
    found = evidence(wrong.layer, problem)
    assert not all(m.holds for m in found.measurements)
    assert found.facts == {}


def test_complex_numbers_may_be_refused_with_an_error():
    with pytest.raises(Unsupported, match="TypeError: y0 must be real"):
        evidence(refusing())


def test_complex_numbers_that_are_promised_may_not_be_refused():
    found = evidence(refusing("complex"))
    assert not all(m.holds for m in found.measurements)
    assert "The layer raises with complex numbers: TypeError" in found.diagnosis


def test_a_state_without_imaginary_part_is_told_as_that():
    def build(dynamics, t0, t1, n_steps):
        right = LAYERS["backprop-rk4"].build(dynamics, t0, t1, n_steps)
        return lambda y0: right(y0).real

    assert "y1 is real: the imaginary part is dropped" in evidence(TorchLayer("real", build)).diagnosis


def test_slopes_of_a_real_dtype_are_a_fault_of_the_forward_pass():
    assert "A usual cause is a tensor of a real dtype" in evidence(LAYERS["real-slopes"]).diagnosis


def adaptive_off_by(share):
    """Return an adaptive layer whose complex answers are off by a share, by the tolerance."""
    right = LAYERS["adaptive-backprop"]

    def build(dynamics, t0, t1, tol):
        solve = right.build(dynamics, t0, t1, tol)
        return lambda y0: solve(y0) * (1 + share(tol) * y0.is_complex())

    return dataclasses.replace(right, build=build)


def test_other_steps_may_exceed_a_tolerance_that_they_follow():
    (measurement,) = evidence(adaptive_off_by(lambda tol: 500 * tol)).measurements
    assert measurement.name.startswith("growth exponent of the change with complex numbers")
    assert measurement.holds


def test_a_difference_that_no_tolerance_makes_smaller_fails():
    (measurement,) = evidence(adaptive_off_by(lambda _tol: 0.5)).measurements
    assert not measurement.holds


@pytest.mark.parametrize("name", ["pair-backprop", "exact-trace"])
def test_only_layers_of_one_state_are_asked(name):
    with pytest.raises(Skip, match="one tensor"):
        evidence(LAYERS[name])
