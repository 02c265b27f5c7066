"""Two passes with different states: what grows between them at one moment is states."""

from __future__ import annotations

import pytest
import torch

from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.measure.memory.footprints import summarise
from nodecheck.measure.memory.ladder import at_level
from nodecheck.measure.memory.pass_memory import PassMemory, at_most_states, measure_pass
from nodecheck.options.profile import CI

WIDTHS = (64, 128)


def made(size, *courses):
    return PassMemory(0, 0, *map(max, courses), (1, 1), 0, (), (), size, courses)


def euler(dynamics, t0, t1, n_steps):
    """Integrate without a graph, on a time grid that is made of temporary ones."""

    def solve(y):
        grid = torch.linspace(t0, t1, n_steps + 1, dtype=torch.float64)
        times = torch.cat([grid, grid, grid])[: n_steps + 1].clone()
        start = y
        with torch.no_grad():
            for i in range(n_steps):
                y = y + (t1 - t0) / n_steps * dynamics(float(times[i]), y)
        return start + (y - start).detach()

    return solve


LAYER = LayerUnderTest(TorchLayer("euler", euler), CI)


def pair(level):
    return tuple(measure_pass(LAYER, at_level(LAYER, level, width), live=True) for width in WIDTHS)


def test_most_states_are_not_where_most_bytes_are():
    """Seven bytes of a grid beside one state, then three states alone."""
    narrow, wide = at_most_states(made(2, (9, 6), (0, 0)), made(4, (11, 12), (0, 0)))
    assert (narrow.forward, wide.forward) == (6, 12)


def test_each_pass_has_its_own_moment():
    narrow, wide = at_most_states(made(2, (0, 2), (9, 4)), made(4, (0, 4), (9, 8)))
    assert (narrow.forward, wide.forward, narrow.backward, wide.backward) == (2, 4, 4, 8)


@pytest.mark.parametrize("course", [(), (9, 6, 6)], ids=["unknown", "longer"])
def test_the_peaks_stay_where_the_moments_do_not_correspond(course):
    other = PassMemory(0, 0, 11, 0, (1, 1), 0, (), (), 4, (course, (0, 0)))
    assert [one.forward for one in at_most_states(made(2, (9, 6), (0, 0)), other)] == [9, 11]


def test_the_courses_are_dropped_when_they_have_served():
    assert all(one.courses == ((), ()) for one in at_most_states(*pair(4)))


def test_a_grid_that_outweighs_the_states_leaves_their_number_alone():
    levels = (4, 9, 2000)
    pairs = [(level, at_most_states(*pair(level))) for level in levels]
    assert pairs[-1][1][1].forward < max(pair(2000)[1].courses[0])  # the grids are the peak there
    assert len(set(map(round, summarise(LAYER, pairs).forward))) == 1
