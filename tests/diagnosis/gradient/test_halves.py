"""A wrong adjoint of second order is named by the block of the Jacobian that it lacks."""

from __future__ import annotations

import pytest

from nodecheck.checks import CHECKS
from nodecheck.diagnosis.gradient.adjoint_solver import make_adjoint_solver
from nodecheck.diagnosis.gradient.halves import wrong_halves
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import CI
from nodecheck.problems import damped_pendulum, neural, pendulum, spiral

BY_ID = {check.id: check for check in CHECKS}
CAUSES = {
    "velocity-left-out-of-kick": "an adjoint without ∂a/∂v, the force of velocities",
    "drift-pulled-back-with-minus": "an adjoint whose drift has the wrong sign",
    "halves-swapped-in-gradient": "right but with positions and velocities exchanged",
}


@pytest.mark.parametrize("name", CAUSES)
def test_the_block_of_a_wrong_adjoint_is_named(name):
    (wrong,) = (mutant.layer for mutant in MUTANTS if mutant.name == name)
    found = BY_ID["gradient-order"].measure(LayerUnderTest(wrong, CI), spiral)
    assert CAUSES[name] in found.diagnosis


def test_no_block_is_looked_for_in_a_problem_of_first_order():
    assert wrong_halves(make_adjoint_solver(neural)) == {}


def test_a_block_that_is_zero_cannot_be_lost():
    missing = "an adjoint without ∂a/∂v, the force of velocities"
    assert missing in wrong_halves(make_adjoint_solver(damped_pendulum))
    assert missing not in wrong_halves(make_adjoint_solver(pendulum))
