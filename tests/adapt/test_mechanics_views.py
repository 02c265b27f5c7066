"""Views of a dynamics of second order: the same equation for layers that call it in another way."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nodecheck import adapt
from nodecheck.adapt.dropped import recorded


class Force(nn.Module):
    """a(t, q, v) = k t q - v, or without v where none is given."""

    def __init__(self):
        super().__init__()
        self.k = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))

    def forward(self, t, q, v=None):
        t = torch.as_tensor(t, dtype=q.dtype).reshape(-1, *[1] * (q.ndim - 1))
        return self.k * t * q - (0 if v is None else v)


FORCE = Force()
Y0 = torch.arange(12, dtype=torch.float64).reshape(3, 4)
Q, V = Y0.chunk(2, dim=-1)


def test_first_order_returns_velocity_and_acceleration():
    slope = adapt.first_order(FORCE)(0.5, Y0)
    assert torch.equal(slope, torch.cat([V, FORCE(0.5, Q, V)], dim=-1))


def test_first_order_returns_a_tuple_for_a_tuple():
    velocity, acceleration = adapt.first_order(FORCE)(0.5, (Q, V))
    assert velocity is V
    assert torch.equal(acceleration, FORCE(0.5, Q, V))


def test_a_clock_is_a_position_of_velocity_one():
    z = adapt.append_clock(Y0, 0.25)
    q, w = z.chunk(2, dim=-1)
    assert torch.equal(q[:, -1], torch.full((3,), 0.25, dtype=torch.float64))
    assert torch.equal(w[:, -1], torch.ones(3, dtype=torch.float64))


def test_the_clock_is_dropped_and_that_is_recorded():
    with recorded() as dropped:
        assert torch.equal(adapt.drop_clock(adapt.append_clock(Y0, 0.25)), Y0)
    assert [(part.what, part.appended) for part in dropped] == [("the appended clock", True)]


@pytest.mark.parametrize("with_velocity", [False, True])
def test_with_a_clock_the_force_is_that_of_its_time(with_velocity):
    q, w = adapt.append_clock(Y0, 0.25).chunk(2, dim=-1)
    given = (q, w) if with_velocity else (q,)
    expected = FORCE(0.25, Q, V) if with_velocity else FORCE(0.25, Q)
    found = adapt.with_clock(FORCE)(*given)
    assert torch.equal(found[:, :-1], expected)
    assert not found[:, -1].any()


def test_time_comes_last_with_and_without_velocities():
    force = adapt.time_last(FORCE)
    assert torch.equal(force(Q, V, 0.5), FORCE(0.5, Q, V))
    assert torch.equal(force(Q, 0.5), FORCE(0.5, Q))


@pytest.mark.parametrize("view", [adapt.first_order, adapt.time_last, adapt.with_clock])
def test_a_view_has_the_parameters_of_the_dynamics(view):
    assert [p for _, p in view(FORCE).named_parameters()] == [FORCE.k]


def test_a_view_that_is_called_in_another_way_says_so():
    with pytest.raises(adapt.ViewCallError, match="first_order"):
        adapt.first_order(FORCE)(Y0)
