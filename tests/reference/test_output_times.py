"""The reference at output times: the states and derivatives of the problems that end there."""

from __future__ import annotations

import numpy as np
import pytest

from nodecheck.problems import neural, neural_at_outputs
from nodecheck.reference import sensitivity, trajectory


def test_the_states_are_those_of_the_trajectory():
    found = sensitivity(neural_at_outputs)
    exact = trajectory(neural, neural_at_outputs.ts)
    assert np.allclose(found.y1, exact, rtol=1e-10)


def test_the_first_state_depends_on_y0_alone():
    found = sensitivity(neural_at_outputs)
    assert np.array_equal(found.y1[0], neural.y0)
    assert np.array_equal(found.jacobians["y0"][0], np.broadcast_to(np.eye(3), (4, 3, 3)))
    assert not found.jacobians["W1"][0].any()


def test_a_pullback_is_the_sum_over_the_outputs():
    cotangent = np.random.default_rng(0).standard_normal(neural_at_outputs.output_shape)
    together = sensitivity(neural_at_outputs).pullback(cotangent)
    parts = [
        sensitivity(neural.with_interval(neural.t0, t)).pullback(w)
        for t, w in zip(neural_at_outputs.ts[1:], cotangent[1:], strict=True)
    ]
    for group, value in together.items():
        first = cotangent[0] if group == "y0" else 0.0
        assert np.allclose(value, first + sum(part[group] for part in parts), rtol=1e-12)


@pytest.mark.parametrize("ts", [(0.3, 1.0), (0.3, 1.7, 1.7), (1.7, 0.3), (0.3, 1.0, 0.9, 1.7)])
def test_output_times_run_strictly_from_start_to_end(ts):
    with pytest.raises(ValueError, match="ts must run strictly from t0"):
        neural.replace(ts=ts)


def test_problems_with_other_output_times_are_other_problems():
    assert neural_at_outputs.replace(ts=()) != neural_at_outputs
    assert neural_at_outputs.reversed().ts == neural_at_outputs.ts[::-1]


@pytest.mark.parametrize("k", range(len(neural_at_outputs.ts)))
def test_a_pullback_of_times_is_the_slope_of_the_states(k):
    """Against a central difference of the reference itself, whose error is 1e-10 of the slope."""
    cotangent = np.random.default_rng(0).standard_normal(neural_at_outputs.output_shape)
    step = 1e-5

    def loss(shift):
        ts = [t + shift * (i == k) for i, t in enumerate(neural_at_outputs.ts)]
        moved = neural_at_outputs.replace(t0=ts[0], t1=ts[-1], ts=tuple(ts))
        return np.vdot(cotangent, sensitivity(moved).y1)

    slope = (loss(step) - loss(-step)) / (2 * step)
    found = sensitivity(neural_at_outputs).pullback_of_times(cotangent)["ts"][k]
    assert found == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_a_pullback_of_times_at_the_end_has_both_ends():
    cotangent = np.ones_like(neural.y0)
    ends = sensitivity(neural).pullback_of_times(cotangent)
    ts = sensitivity(neural.at_shares(name="ends")).pullback_of_times(np.stack([0 * cotangent, cotangent]))
    assert (ends["t0"], ends["t1"]) == pytest.approx(tuple(ts["ts"]), rel=1e-12)
