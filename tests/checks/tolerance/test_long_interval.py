"""Long intervals: a limit on the number of steps is not silent."""

from __future__ import annotations

import pytest
from right_controllers import RIGHT
from wrong_layers import adaptive

from nodecheck.checks import long_interval
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import CI
from nodecheck.results import Inconclusive, Unsupported

SPECIMENS = {mutant.name: mutant.layer for mutant in MUTANTS}


def evidence(layer):
    return long_interval.measure(LayerUnderTest(layer, CI), None)


@pytest.mark.parametrize("layer", [*RIGHT, adaptive()], ids=lambda layer: layer.name)
def test_right_layers_reach_the_end(layer):
    found = evidence(layer)
    assert all(m.holds for m in found.measurements)
    assert found.diagnosis == ""


def test_right_layers_stay_far_from_the_bound():
    largest = max(m.value for layer in RIGHT for m in evidence(layer).measurements)
    assert largest < 4


def test_a_limit_of_a_hundred_steps_is_found_out():
    found = evidence(SPECIMENS["gives-up-late"])
    assert not found.measurements[0].holds
    assert "the forward pass leaves out" in found.diagnosis
    assert "it gives up after so many steps" in found.diagnosis


def test_a_limit_of_the_backward_pass_is_found_out():
    forward, backward = evidence(SPECIMENS["backward-gives-up"]).measurements
    assert forward.holds
    assert not backward.holds


def test_one_step_over_a_large_part_is_told_from_giving_up():
    assert "it steps over it" in evidence(SPECIMENS["accepts-everything"]).diagnosis


def test_the_backward_pass_is_looked_at_only_where_it_evaluates_the_field():
    assert len(evidence(SPECIMENS["backward-tolerance-fixed"]).measurements) == 2
    assert len(evidence(adaptive()).measurements) == 1


def test_a_limit_that_raises_is_no_failure():
    build = adaptive().build

    def refusing(dynamics, t0, t1, tol):
        if t1 - t0 > 20:
            message = "max_steps exceeded"
            raise RuntimeError(message)
        return build(dynamics, t0, t1, tol)

    with pytest.raises(Unsupported, match="turns are refused: RuntimeError: max_steps exceeded"):
        evidence(TorchLayer("refusing", refusing))


def test_times_that_cannot_be_seen_decide_nothing(monkeypatch):
    monkeypatch.setattr("nodecheck.backends.torch.dynamics._number", lambda _: float("nan"))
    with pytest.raises(Inconclusive, match="cannot be seen"):
        evidence(adaptive())
