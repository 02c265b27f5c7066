"""A slow or a large layer is left undecided, in time, and once."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch

from nodecheck.backends.torch.backend import BACKEND
from nodecheck.checks import gradient_cost, hidden_memory, memory_law, memory_leak
from nodecheck.layers import LayerUnderTest, Refusal, TorchLayer
from nodecheck.measure.budget import seconds_ahead, unless_out_of_memory
from nodecheck.measure.cost import seconds_beside_plain_backprop
from nodecheck.measure.memory.footprints import footprints
from nodecheck.measure.memory.ladder import abscissa
from nodecheck.options.profile import CI, FULL
from nodecheck.results import Inconclusive

# A ladder may take half a second.
BRIEF = replace(CI, seconds=1.5)
TOO_MUCH = 2**50


def euler(dynamics, t0, t1, n_steps, before):
    def solve(y):
        h = (t1 - t0) / n_steps
        for i in range(n_steps):
            before(y)
            y = y + h * dynamics(t0 + i * h, y)
        return y

    return solve


def layer_with(before):
    return TorchLayer("layer", lambda dynamics, t0, t1, n_steps: euler(dynamics, t0, t1, n_steps, before))


def sleepy():
    return layer_with(lambda _y: time.sleep(0.01))


def hungry(width):
    def allocate(y):
        if y.shape[-1] >= width:
            torch.empty(TOO_MUCH)

    return layer_with(allocate)


@pytest.mark.parametrize("check", [memory_law, hidden_memory, gradient_cost], ids=lambda check: check.id)
def test_a_ladder_that_would_take_too_long_is_given_up(check):
    with pytest.raises(Inconclusive, match="a growth law needs 6 levels"):
        check.measure(LayerUnderTest(sleepy(), BRIEF), None)


def test_passes_that_would_take_too_long_are_given_up():
    with pytest.raises(Inconclusive, match="needs 40 passes"):
        memory_leak.measure(LayerUnderTest(sleepy(), BRIEF), None)


def test_a_slow_layer_is_judged_where_there_is_time():
    evidence = memory_law.measure(LayerUnderTest(layer_with(lambda _y: time.sleep(0.001)), CI), None)
    assert evidence.facts["memory law"].startswith("O(n)")


def test_a_cost_that_grows_like_the_square_is_given_up_on_the_way():
    def build(dynamics, t0, t1, n_steps):
        return euler(dynamics, t0, t1, n_steps, lambda _y: time.sleep(n_steps * 1e-4))

    started = time.perf_counter()
    with pytest.raises(Inconclusive, match="a growth law needs"):
        memory_law.measure(LayerUnderTest(TorchLayer("square", build), BRIEF), None)
    assert time.perf_counter() - started < 2 * BRIEF.seconds


def test_the_long_ladder_ends_where_time_does():
    layer = layer_with(lambda _y: time.sleep(0.0002))
    prints = footprints(LayerUnderTest(layer, replace(FULL, seconds=3.0)), live=False)
    assert 6 <= len(prints.n) < 14


def test_what_was_given_up_is_not_measured_again():
    builds = []

    def build(dynamics, t0, t1, n_steps):
        builds.append(n_steps)
        return euler(dynamics, t0, t1, n_steps, lambda _y: time.sleep(0.01))

    layer = LayerUnderTest(TorchLayer("counted", build), BRIEF)
    with pytest.raises(Inconclusive):
        memory_law.measure(layer, None)
    before = len(builds)
    for check in (hidden_memory, gradient_cost):
        with pytest.raises(Inconclusive):
            check.measure(layer, None)
    assert len(builds) == before


def test_an_error_of_the_layer_is_raised_again_from_where_it_was():
    def fail(_y):
        message = "no such thing"
        raise ValueError(message)

    layer = LayerUnderTest(layer_with(fail), CI)
    for _ in range(2):
        with pytest.raises(ValueError, match="no such thing") as caught:
            footprints(layer, live=True)
        assert caught.traceback[-1].name == "fail"


@pytest.mark.parametrize("check", [memory_law, memory_leak], ids=lambda check: check.id)
def test_a_state_that_we_made_too_wide_is_nobodys_fault(check):
    with pytest.raises(Inconclusive, match="more memory than there is at a state of 256 numbers"):
        check.measure(LayerUnderTest(hungry(128), CI), None)


def test_other_errors_go_through():
    def fail():
        message = "sizes differ"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="sizes differ"):
        unless_out_of_memory(LayerUnderTest(sleepy(), CI), fail, 1)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: not enough memory: ")])
def test_out_of_memory_is_recognised(error):
    assert BACKEND.out_of_memory(Refusal(error))


def test_seconds_are_left_out_for_a_layer_whose_cost_is_the_cube_of_the_width():
    layer = LayerUnderTest(layer_with(lambda y: time.sleep((y.shape[-1] / 2048) ** 3)), CI)
    started = time.perf_counter()
    assert seconds_beside_plain_backprop(layer, 1.0) is None
    assert time.perf_counter() - started < 2


def test_seconds_are_left_out_where_memory_is_not_enough_for_them():
    evidence = gradient_cost.measure(LayerUnderTest(hungry(512), CI), None)
    assert "seconds" not in evidence.facts
    assert evidence.facts["behaves like"] == "backprop"


def test_a_constant_time_for_each_pass_is_foreseen_as_such():
    assert seconds_ahead([(4, 1.0), (9, 1.0)], [16, 25]) == pytest.approx(2.0)


def test_time_in_proportion_is_foreseen_as_such():
    assert seconds_ahead([(4, 0.4), (9, 0.9)], [16, 25]) == pytest.approx(4.1)


@pytest.mark.parametrize("done", [[(4, 0.01), (9, 1.0)], [(4, 1.0), (9, 0.02)]])
def test_one_interruption_stops_no_ladder(done):
    assert seconds_ahead(done, [16, 25, 36, 64]) < 0.5


def test_a_layer_that_does_not_evaluate_the_field_gives_no_ladder():
    with pytest.raises(Inconclusive, match="nothing to count"):
        abscissa(LayerUnderTest(sleepy(), CI), [1, 4, 9], [0, 3, 8], [()] * 3)
