"""A picture has gaps where a layer refuses so few steps; it is never a reason to fail."""

from __future__ import annotations

import numpy as np
from wrong_layers import layer, marching, rk4_step

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.pictures import backward_trajectory, phase_portrait
from nodecheck.options.profile import SMOKE
from nodecheck.problems import spiral


def at_least(fewest):
    """Return RK4 that refuses fewer steps."""

    def build(dynamics, t0, t1, n_steps):
        if n_steps < fewest:
            message = f"n_steps must be {fewest} or more"
            raise ValueError(message)
        return marching(rk4_step)(dynamics, t0, t1, n_steps)

    return LayerUnderTest(layer(build), SMOKE)


def gaps(series):
    """Return the number of gaps in each curve of the layer."""
    return [int(np.isnan(one.y).sum()) for one in series if "steps" in one.label]


def test_the_portrait_has_a_gap_where_one_step_is_refused():
    assert set(gaps(phase_portrait(at_least(2), spiral))) == {1}


def test_the_backward_trajectory_has_a_gap_where_one_step_is_refused():
    under_test = at_least(2)
    series = backward_trajectory(under_test, spiral, under_test.cotangents(spiral, 1)[0])
    assert gaps(series) == [1, 1, 1]


def test_a_layer_that_refuses_nothing_has_no_gap():
    assert set(gaps(phase_portrait(at_least(1), spiral))) == {0}
