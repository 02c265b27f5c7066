"""Grids and step sizes from t0, t1 and n_steps; the final state from a trajectory; flat parameters."""

from __future__ import annotations

import math

import pytest
import torch

from nodecheck import adapt
from nodecheck.adapt.dropped import recorded
from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.problems import neural

INTERVALS = [(0.3, 1.7), (1.7, 0.3), (-0.1, 0.7), (0.0, 1e-3)]


@pytest.mark.parametrize(("t0", "t1"), INTERVALS)
@pytest.mark.parametrize("n_steps", [1, 2, 7, 1000])
def test_a_grid_has_n_equal_steps_and_both_ends_exactly(t0, t1, n_steps):
    times = adapt.grid(t0, t1, n_steps)
    assert (len(times), float(times[0]), float(times[-1])) == (n_steps + 1, t0, t1)
    step = torch.full((n_steps,), (t1 - t0) / n_steps, dtype=torch.float64)
    torch.testing.assert_close(times.diff(), step, rtol=1e-12, atol=1e-15)


def test_a_grid_is_float64_whatever_the_default():
    assert adapt.grid(0.0, 1.0, 4).dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_a_grid_like_a_state_has_its_dtype_and_is_rounded_once(dtype):
    times = adapt.grid(0.3, 1.7, 7, like=torch.zeros(2, dtype=dtype))
    assert torch.equal(times, adapt.grid(0.3, 1.7, 7).to(dtype))


UNEVEN = [(0.3, 0.31, 0.9, 1.7), (1.7, 0.9, 0.31, 0.3)]


@pytest.mark.parametrize("ts", UNEVEN)
@pytest.mark.parametrize("n_steps", [1, 2, 7, 1000])
def test_a_grid_through_output_times_has_each_of_them_and_no_longer_steps(ts, n_steps):
    times = adapt.grid_through(torch.tensor(ts, dtype=torch.float64), n_steps)
    assert set(ts) <= set(times.tolist())
    assert float(times.diff().abs().max()) <= 1.4 / n_steps * (1 + 1e-9)
    assert len(times) - 1 <= n_steps + len(ts) - 1


@pytest.mark.parametrize(("t0", "t1"), INTERVALS)
def test_a_grid_through_both_ends_alone_is_the_grid_of_equal_steps(t0, t1):
    times = adapt.grid_through(torch.tensor([t0, t1], dtype=torch.float64), 7)
    torch.testing.assert_close(times, adapt.grid(t0, t1, 7), rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize("ts", UNEVEN)
def test_a_part_of_the_output_times_gets_its_share_of_the_steps(ts):
    whole = adapt.grid_through(torch.tensor(ts, dtype=torch.float64), 70)
    part = adapt.grid_through(torch.tensor(ts[1:3], dtype=torch.float64), 70, duration=1.4)
    assert set(part.tolist()) <= set(whole.tolist())


@pytest.mark.parametrize("ts", UNEVEN)
def test_states_at_output_times_are_read_from_those_on_the_grid(ts):
    times = torch.tensor(ts, dtype=torch.float64)
    grid = adapt.grid_through(times, 9)
    states = grid[:, None, None].expand(len(grid), 4, 3)
    assert torch.equal(adapt.at_times(states, grid, times)[:, 0, 0], times)


@pytest.mark.parametrize(("t0", "t1"), INTERVALS)
def test_as_many_steps_of_the_step_size_as_were_asked_for_fit_the_interval(t0, t1):
    counts = {n: math.ceil(abs(t1 - t0) / adapt.step_size(t0, t1, n)) for n in range(1, 200)}
    assert {n: count for n, count in counts.items() if count != n} == {}


def test_the_quotient_alone_would_cost_a_step_more_for_some():
    assert any(
        math.ceil(abs(t1 - t0) / (abs(t1 - t0) / n)) > n for t0, t1 in INTERVALS for n in range(1, 200)
    )


def test_a_step_size_differs_from_the_quotient_by_rounding_only():
    assert adapt.step_size(0.3, 1.7, 7) == pytest.approx(0.2, rel=1e-15)


def test_a_step_size_is_positive_backward_in_time():
    assert adapt.step_size(1.7, 0.3, 7) == adapt.step_size(0.3, 1.7, 7)


@pytest.mark.parametrize("time_axis", [0, 1, 2, -1])
def test_the_last_state_of_a_trajectory_is_read_along_the_axis_of_time(time_axis):
    states = [torch.randn(4, 3) for _ in range(5)]
    assert torch.equal(adapt.last(torch.stack(states, dim=time_axis), time_axis=time_axis), states[-1])


def test_a_tuple_is_no_trajectory():
    pair = (torch.zeros(2), torch.zeros(2, 4, 3))
    with pytest.raises(TypeError, match="expected the trajectory as a tensor, got tuple; pass the part"):
        adapt.last(pair, time_axis=0)


def dropped_by(read):
    with recorded() as found:
        read()
    return [(part.what, part.appended) for part in found]


@pytest.mark.parametrize(("times", "what"), [(5, "states at 4 other times"), (2, "states at 1 other time")])
def test_the_states_that_last_drops_are_recorded(times, what):
    trajectory = torch.zeros(4, times, 3)
    assert dropped_by(lambda: adapt.last(trajectory, time_axis=1)) == [(what, False)]


def test_of_a_trajectory_of_one_state_nothing_is_dropped():
    assert dropped_by(lambda: adapt.last(torch.zeros(1, 4, 3), time_axis=0)) == []


def test_the_time_that_is_dropped_is_the_adapter_s_own():
    assert dropped_by(lambda: adapt.drop_time(torch.zeros(4, 3))) == [("the appended time", True)]


def test_time_is_appended_to_a_state_and_dropped_again():
    y0 = torch.randn(4, 3)
    z = adapt.append_time(y0, 0.5)
    assert torch.equal(z[:, -1], torch.full((4,), 0.5))
    assert torch.equal(adapt.drop_time(z), y0)


def test_gradients_reach_the_parameters_through_the_flat_vector():
    dynamics = Dynamics(neural)
    (adapt.flat_params(dynamics) * 2.0).sum().backward()
    assert all(torch.equal(p.grad, torch.full_like(p, 2.0)) for p in dynamics.parameters())


def test_a_dynamics_without_parameters_has_an_empty_vector():
    assert adapt.flat_params(torch.nn.Identity()).shape == (0,)
