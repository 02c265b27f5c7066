"""Times of steps and stages: both ends, directions, dtypes, and output times between grid points."""

from __future__ import annotations

import pytest
import torch

from nodecheck.neural_ode import Segment
from nodecheck.neural_ode.grid import node_times, segments_through, stage_times

LIKE = torch.zeros(2, dtype=torch.float64)
INTERVALS = [(0.0, 1.0), (0.1, 0.7), (-1.3, 2.9), (1.0, 1e6), (0.7, 0.1), (1e-3, 1e-3 + 1e-9)]


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("n_steps", [1, 2, 3, 7, 10, 49, 1000])
def test_both_ends_are_hit_exactly(interval: tuple[float, float], n_steps: int) -> None:
    times = node_times(Segment(*interval, n_steps), LIKE)
    assert (times[0].item(), times[-1].item()) == interval


@pytest.mark.parametrize("interval", INTERVALS)
def test_no_stage_leaves_the_interval(interval: tuple[float, float]) -> None:
    times = torch.stack(
        [t for step in stage_times(Segment(*interval, 97), (0.0, 1 / 3, 1.0), LIKE) for t in step]
    )
    assert min(interval) <= times.min().item() <= times.max().item() <= max(interval)


def test_the_backward_grid_is_the_forward_grid_reversed() -> None:
    segment = Segment(0.1, 0.7, 49)
    forward, backward = node_times(segment, LIKE), node_times(segment, LIKE, backward=True)
    assert torch.equal(forward.flip(0), backward)


def test_backward_stages_meet_the_forward_grid_points_bitwise() -> None:
    segment = Segment(0.1, 0.7, 49)
    met = torch.stack([step[0] for step in stage_times(segment, (0.0,), LIKE, backward=True)])
    assert torch.equal(met, node_times(segment, LIKE).flip(0)[:-1])


def test_bfloat16_times_are_rounded_once() -> None:
    like = torch.zeros(2, dtype=torch.bfloat16)
    exact = torch.tensor([i / 1000 for i in range(1001)], dtype=torch.float64).to(torch.bfloat16)
    assert torch.equal(node_times(Segment(0.0, 1.0, 1000), like), exact)


def test_times_of_a_complex_state_are_real() -> None:
    assert node_times(Segment(0.0, 1.0, 2), torch.zeros(2, dtype=torch.complex128)).dtype == torch.float64


def test_times_on_the_grid_leave_the_grid_as_it_is() -> None:
    t0, t1, n = 0.1, 0.7, 49
    ts = node_times(Segment(t0, t1, n), LIKE)[7::7].tolist()
    assert [s.n_steps for s in segments_through(t0, t1, n, ts)] == [7] * 7


def test_a_time_between_grid_points_costs_one_step_more() -> None:
    assert [s.n_steps for s in segments_through(0.0, 1.0, 10, [0.25, 1.0])] == [3, 8]


@pytest.mark.parametrize("span", [(0.0, 1.0), (1.0, 0.0)])
def test_no_step_is_longer_than_the_layers(span: tuple[float, float]) -> None:
    t0, t1 = span
    ts = [t0 + (t1 - t0) * w for w in (0.013, 0.37, 0.3701, 0.99)]
    longest = abs(t1 - t0) / 10
    assert max(abs(s.step) for s in segments_through(t0, t1, 10, ts)) <= longest * (1 + 2**-50)


def test_an_output_at_the_start_costs_no_step() -> None:
    assert segments_through(0.0, 1.0, 10, [0.0])[0].n_steps == 0


@pytest.mark.parametrize(
    ("ts", "message"),
    [
        ([], "at least one time, got"),
        ([1.5], r"between t0 = 0\.0 and t1 = 1\.0, got 1\.5; leave it out"),
        ([0.5, 0.25], r"without turning back, got 0\.25 after 0\.5; sort ts"),
    ],
)
def test_times_that_make_no_sense_are_refused(ts: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        segments_through(0.0, 1.0, 10, ts)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("interval", INTERVALS)
def test_some_of_the_steps_have_bitwise_the_times_that_they_have_among_all(
    interval: tuple[float, float], backward: bool
) -> None:
    segment, nodes = Segment(*interval, 49), (0.0, 1 / 3, 1.0)
    whole = stage_times(segment, nodes, LIKE, backward=backward)
    for first in range(0, 49, 5):
        part = stage_times(segment, nodes, LIKE, steps=range(first, min(first + 5, 49)), backward=backward)
        assert part == whole[first : first + 5]
