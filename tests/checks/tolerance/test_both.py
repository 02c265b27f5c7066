"""rtol and atol apart: a right layer takes the same steps in other units, and a wrong one is named."""

from __future__ import annotations

import math

import pytest
from wrong_layers import adaptive

from nodecheck.checks import CHECKS
from nodecheck.checks.tolerance.both import both_tolerances
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.mutants import MUTANTS, ORIGINALS
from nodecheck.mutants.adaptive_families import AdjointRelativeAndAbsolute
from nodecheck.mutants.tolerances import TOLERANCES
from nodecheck.numerics.constants import MOST_WORK_IN_OTHER_UNITS
from nodecheck.options.profile import CI
from nodecheck.results import Inconclusive
from nodecheck.runner.plan import card_of

SPECIMENS = {mutant.name: mutant.layer for mutant in MUTANTS}
RIGHT = [layer for layer in ORIGINALS if layer.both_tolerances]


def evidence(layer):
    return both_tolerances.measure(LayerUnderTest(layer, CI), None)


def held(layer):
    return [m.holds for m in evidence(layer).measurements]


class FirstStepFromTolerances(AdjointRelativeAndAbsolute):
    """The first step is (rtol + atol)^(1/5), which is no right unit and no mistake."""

    def first_step(self, start, end):
        return math.copysign(min((self.rtol + self.atol) ** (1 / 5), abs(end - start)), end - start)


class Largest(AdjointRelativeAndAbsolute):
    """The larger of the two bounds, in place of their sum."""

    def allowed(self, x):
        return (self.rtol * x.abs()).clamp(min=self.atol)


def as_layer(solver):
    def build(dynamics, t0, t1, rtol, atol):
        return solver(dynamics, t0, t1, rtol, atol)

    return TorchLayer(solver.__name__, build)


@pytest.mark.parametrize("layer", RIGHT, ids=lambda layer: layer.name)
def test_a_right_layer_does_the_same_work_in_other_units(layer):
    assert [m.value for m in evidence(layer).measurements[:2]] == [1.0, 1.0]


@pytest.mark.parametrize("solver", [FirstStepFromTolerances, Largest], ids=lambda s: s.__name__)
def test_a_layer_of_another_style_passes_by_far(solver):
    found = evidence(as_layer(solver))
    assert all(m.holds for m in found.measurements)
    assert max(m.value for m in found.measurements[:2]) < 1 + (MOST_WORK_IN_OTHER_UNITS - 1) / 2


@pytest.mark.parametrize("mutant", TOLERANCES, ids=lambda mutant: mutant.name)
def test_a_wrong_layer_fails_by_far(mutant):
    found = evidence(mutant.layer).measurements
    largest = max(m.value for m in found[:2])
    assert largest > 1 + 2 * (MOST_WORK_IN_OTHER_UNITS - 1) or not all(m.holds for m in found[2:])


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("tolerances-exchanged", "rtol and atol are exchanged in the forward pass"),
        ("absolute-ignored", "atol has no effect"),
        ("absolute-fixed", "atol has no effect"),
        ("relative-ignored", "rtol has no effect"),
        ("tolerances-added", "The tolerance of the forward pass is not atol + rtol |y|"),
        ("backward-tolerances-exchanged", "rtol and atol are exchanged in the backward pass"),
        ("backward-absolute-ignored", "The tolerance of the backward pass is not atol + rtol |y|"),
    ],
)
def test_what_is_wrong_is_named(name, phrase):
    assert phrase in evidence(SPECIMENS[name]).diagnosis


@pytest.mark.parametrize("name", ["tolerances-exchanged", "absolute-ignored"])
def test_no_other_check_of_the_state_sees_it(name):
    for check in CHECKS:
        if check.id in ("forward-tolerance", "sudden-change", "batch-independence"):
            found = check.measure(LayerUnderTest(SPECIMENS[name], CI), check.problems[0])
            assert all(m.holds for m in found.measurements), check.id


def test_a_log_determinant_has_no_units():
    layer = LayerUnderTest(TorchLayer("flow", RIGHT[0].build, output="log-det"), CI)
    with pytest.raises(Inconclusive, match="has no units"):
        both_tolerances.measure(layer, None)


def test_it_is_asked_only_of_layers_that_take_both():
    assert both_tolerances.why_not(card_of(adaptive(), "").kinds)
    assert not both_tolerances.why_not(card_of(RIGHT[0], "").kinds)
