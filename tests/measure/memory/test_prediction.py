"""Bytes besides states are predicted where they follow a line, and measured where they do not."""

# ruff: noqa: ARG005

from __future__ import annotations

import math

import pytest

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.memory.footprints import footprints
from nodecheck.measure.memory.pass_memory import PassMemory
from nodecheck.measure.memory.prediction import with_predicted
from nodecheck.options.profile import SMOKE
from nodecheck.targets.third_party.odelayer import LAYERS

LEVELS = (4, 9, 16, 25, 36, 64, 100, 144)
NARROW, WIDE = 2048, 4096


def made(level, size, states, besides):
    held = round(besides(level) + states(level) * size)
    return PassMemory(held, held, held, None, (level, level), 0, (), (), size)


def pairs(states, besides):
    """Return what is made of passes that hold so many states and so many bytes besides, and what was run."""
    run = []

    def narrow(level):
        run.append(level)
        return made(level, NARROW, states, besides)

    wide = {level: made(level, WIDE, states, besides) for level in LEVELS}
    return with_predicted(wide, narrow), run


@pytest.mark.parametrize("states", [lambda n: 3, lambda n: 7 * n, lambda n: 2 * math.isqrt(n)])
@pytest.mark.parametrize("besides", [lambda n: 0, lambda n: 100 + 8 * n], ids=["nothing", "a time grid"])
def test_beside_a_line_the_passes_that_were_not_run_hold_what_they_would_have(states, besides):
    found, run = pairs(states, besides)
    assert run == [4, 9, 16]
    assert [one for _, (one, _) in found] == [made(level, NARROW, states, besides) for level in LEVELS]


@pytest.mark.parametrize("besides", [lambda n: n**2, lambda n: 512 * math.isqrt(n), lambda n: 4096 * (n > 9)])
def test_where_there_is_no_line_all_levels_are_run(besides):
    found, run = pairs(lambda n: 3, besides)
    assert sorted(run) == list(LEVELS)
    assert [one for _, (one, _) in found] == [made(level, NARROW, lambda n: 3, besides) for level in LEVELS]


def test_a_bend_that_cannot_reach_one_state_is_none():
    _, run = pairs(lambda n: 3, lambda n: 8 * n + (n == 9))
    assert run == [4, 9, 16]


MANY = (4, 9, 16, 511, 512, 4000)


def run_of(besides, states=lambda n: 3):
    """Return the levels that were run where the wide passes hold so much more than the line says."""
    run = []

    def narrow(level):
        run.append(level)
        return made(level, NARROW, states, lambda n: 8 * n)

    wide = {n: made(n, WIDE, states, lambda n: 8 * n + besides(n)) for n in MANY}
    with_predicted(wide, narrow)
    return run


def test_slow_growth_that_begins_where_numbers_outweigh_states_is_measured():
    assert run_of(lambda n: 24 * n * (n > 16)) == [4, 9, 16, 512, 4000]


def test_many_steps_without_growth_are_predicted():
    assert run_of(lambda n: 0) == [4, 9, 16]


def test_many_steps_with_states_for_each_are_predicted():
    assert run_of(lambda n: 0, states=lambda n: 7 * n) == [4, 9, 16]


def test_a_verdict_against_a_layer_rests_on_measured_passes_alone(monkeypatch):
    """Bytes besides states that only begin behind the measured levels look like states from there."""
    (layer,) = (one for one in LAYERS if one.name == "odelayer-rk4-continuous")
    sizes = []

    def inflated(layer, solve, *, live):
        size = solve.problem.y0.nbytes
        sizes.append(size)
        return made(solve.resolution, size, lambda n: 3, lambda n: 4096 * 20 * (n > 25))

    monkeypatch.setattr("nodecheck.measure.memory.footprints.measure_pass", inflated)
    prints = footprints(LayerUnderTest(layer, SMOKE), live=True)
    assert sizes.count(min(sizes)) > len(prints.n)
    assert prints.states == pytest.approx([3.0] * len(prints.n))
