"""The output of a layer with a log-determinant: what it must be, and what mends it where it is not."""

# ruff: noqa: ARG005

from __future__ import annotations

import pytest
import torch
from right_flows import at_output_times, one_long_state

from nodecheck.checks.adapter import adapter
from nodecheck.layers import LayerError, LayerUnderTest, TorchLayer
from nodecheck.options.profile import SMOKE
from nodecheck.problems import neural

# What is returned in place of (y1, l), and what is said.
WRONG = {
    "y alone": (lambda y, log_det: y, "without a log-determinant of each member"),
    "the other order": (lambda y, log_det: (log_det, y), "Return (y[1], y[0]) for y."),
    "a column": (lambda y, log_det: (y, log_det[:, None]), "Return (y[0], y[1].squeeze(-1)) for y."),
    "one number": (lambda y, log_det: (y, log_det.sum()), "without a log-determinant of each member"),
    "a time axis": (
        lambda y, log_det: (torch.stack([y, y]), log_det),
        "it has to return (y1, l), tensors of shape (4, 3)",
    ),
    "a mapping": (lambda y, log_det: {"y": y, "l": log_det}, "Return (y['y'], y['l']) for y."),
}


def changed(change):
    def build(dynamics, t0, t1, n_steps):
        solve = one_long_state(dynamics, t0, t1, n_steps)
        return lambda y0: change(*solve(y0))

    return LayerUnderTest(TorchLayer("flow", build, output="log-det"), SMOKE)


@pytest.mark.parametrize("name", WRONG)
def test_another_output_than_a_pair_is_told_what_mends_it(name):
    change, words = WRONG[name]
    found = adapter.measure(changed(change), neural)
    assert not all(m.holds for m in found.measurements)
    assert words in found.diagnosis


@pytest.mark.parametrize("name", WRONG)
def test_another_output_than_a_pair_is_an_error_of_the_layer(name):
    with pytest.raises(LayerError, match=r"expected .*, got .*; return"):
        changed(WRONG[name][0]).solve(neural, 4)


def test_a_list_serves_as_a_pair():
    found = changed(lambda y, log_det: [y, log_det]).solve(neural, 4)
    assert found.y1.shape == neural.y0.shape


def test_a_pair_at_output_times_has_an_axis_of_times_in_both():
    def build(dynamics, ts, n_steps):
        solve = at_output_times(dynamics, ts, n_steps)
        return lambda y0: (solve(y0)[0], solve(y0)[1][-1])

    found = adapter.measure(LayerUnderTest(TorchLayer("flow", build, output="log-det"), SMOKE), neural)
    assert "it has to return (ys, l), tensors of shape (2, 4, 3) and (2, 4)" in found.diagnosis
