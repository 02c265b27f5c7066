"""Every adaptive mutant fails the checks that it names, and its original passes them."""

from __future__ import annotations

import pytest

from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import ADAPTIVE, ORIGINALS
from nodecheck.options.profile import CI
from nodecheck.problems import neural, spiral
from nodecheck.results import Skip
from nodecheck.runner.plan import problems_of

BY_ID = {check.id: check for check in CHECKS}
CAUGHT = [(mutant, name) for mutant in ADAPTIVE for name in mutant.caught_by]


def fails(layer, name):
    """Return True if a check fails the layer on one of its problems in the ci profile."""
    check, under_test = BY_ID[name], LayerUnderTest(layer, CI)
    return any(not m.holds for p in problems_of(check, CI) for m in measured(check, under_test, p))


def measured(check, under_test, problem):
    """Return the measurements on one problem; none where the check does not apply to the layer."""
    try:
        return check.measure(under_test, problem).measurements
    except Skip:
        return ()


@pytest.mark.parametrize(("mutant", "name"), CAUGHT, ids=[f"{m.name}: {name}" for m, name in CAUGHT])
def test_a_mutant_is_caught_by_what_it_names(mutant, name):
    assert fails(mutant.layer, name)


@pytest.mark.parametrize("name", sorted({name for _, name in CAUGHT}))
@pytest.mark.parametrize("layer", [o for o in ORIGINALS if o.adaptive], ids=lambda layer: layer.name)
def test_an_original_is_not(layer, name):
    assert not fails(layer, name)


@pytest.mark.parametrize("problem", [neural, spiral], ids=lambda problem: problem.name)
def test_an_adjoint_left_out_of_the_norm_does_not_show_beside_a_moving_state(problem):
    (wrong,) = [mutant.layer for mutant in ADAPTIVE if mutant.name == "adjoint-not-in-norm"]
    found = measured(BY_ID["gradient-tolerance"], LayerUnderTest(wrong, CI), problem)
    assert found
    assert all(m.holds for m in found)
