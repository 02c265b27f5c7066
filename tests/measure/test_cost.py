"""Seconds are stated as multiples of those of plain backpropagation."""

from __future__ import annotations

import torch

from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.measure.cost import Seconds, SecondsBeside, seconds_beside_plain_backprop
from nodecheck.options.profile import CI


def euler(dynamics, t0, t1, n_steps, *, times=1):
    def solve(y):
        h = (t1 - t0) / n_steps
        for i in range(n_steps):
            slope = dynamics(t0 + i * h, y)
            for _ in range(times - 1):  # the same arithmetic again, which is no evaluation of the field
                slope = slope + 0.0 * dynamics.vector_field(torch.tensor(0.0), y, c=dynamics.c)
            y = y + h * slope
        return y

    return solve


def dear(dynamics, t0, t1, n_steps):
    return euler(dynamics, t0, t1, n_steps, times=10)


def seconds(name, build):
    return seconds_beside_plain_backprop(LayerUnderTest(TorchLayer(name, build), CI))


def test_a_layer_that_works_ten_times_as_hard_takes_longer_both_ways():
    found = seconds("dear", dear)
    assert found.layer.forward > 3 * found.plain.forward
    assert found.layer.backward > 3 * found.plain.backward


def test_plain_backprop_costs_about_as_much_as_itself():
    found = seconds("plain", euler)
    assert 1 / 3 < found.layer.forward / found.plain.forward < 3


def test_the_loop_makes_as_many_evaluations_as_the_layer():
    assert seconds("dear", dear).evaluations == 4


def test_the_number_of_threads_is_as_before():
    before = torch.get_num_threads()
    seconds("plain", euler)
    assert torch.get_num_threads() == before


def test_the_ratios_are_told_in_words():
    found = SecondsBeside(Seconds(0.2, 0.6), Seconds(0.1, 0.2), 36)
    assert str(found) == "2 × plain backprop forward, 3 × backward (36 evaluations each, one thread)"
