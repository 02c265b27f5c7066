"""Views of a dynamics of second order, and what goes around a layer that is not told the time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nodecheck.adapt.dropped import Dropped, record
from nodecheck.adapt.view import View

_CLOCK = "the appended clock"


def first_order(dynamics: nn.Module) -> nn.Module:
    """Return f with ``f(t, y) = (v, dynamics(t, q, v))`` for y = (q, v), a joined tensor or a tuple of two.

    It is for a layer of y' = f(t, y) that is to be examined as one of second order: q'' = a(t, q, v) is the
    equation (q, v)' = (v, a(t, q, v)).  The result is a tensor or a tuple as y is.

    Examples
    --------
    >>> build = lambda dynamics, t0, t1, n_steps: MyLayer(adapt.first_order(dynamics), t0, t1, n_steps)
    >>> TorchLayer("mine", build, supports={"second-order"})
    """
    return _FirstOrder(dynamics)


def time_last(dynamics: nn.Module) -> nn.Module:
    """Return f with ``f(q, v, t) = dynamics(t, q, v)``, or without v ``f(q, t) = dynamics(t, q)``.

    Examples
    --------
    >>> build = lambda dynamics, t0, t1, n_steps: MyLeapfrog(adapt.time_last(dynamics), t0, t1, n_steps)
    """
    return _TimeLast(dynamics)


def with_clock(dynamics: nn.Module) -> nn.Module:
    """Return f with ``f(z) = (dynamics(t, q), 0)`` for z = (q, t), or with velocities ``f(z, w)``.

    It is for a layer of second order that calls a(q) or a(q, v): time is one more position, of velocity one.
    `append_clock` makes the state, and `drop_clock` returns (q, v).

    Examples
    --------
    >>> def build(dynamics, t0, t1, n_steps):
    ...     layer = MyLeapfrog(adapt.with_clock(dynamics), t1 - t0, n_steps)
    ...     return lambda y0: adapt.drop_clock(layer(adapt.append_clock(y0, t0)))
    """
    return _WithClock(dynamics)


def append_clock(y0: Tensor, t0: float) -> Tensor:
    """Return (q, t0, v, 1), the initial state for `with_clock`: shape (..., 2 d + 2) for (..., 2 d)."""
    q, v = y0.chunk(2, dim=-1)
    return torch.cat([q, torch.full_like(q[..., :1], t0), v, torch.ones_like(v[..., :1])], dim=-1)


def drop_clock(z: Tensor) -> Tensor:
    """Return (q, v) of z = (q, t, v, 1): shape (..., 2 d) for z of shape (..., 2 d + 2)."""
    record(Dropped(_CLOCK, appended=True))
    q, v = z.chunk(2, dim=-1)
    return torch.cat([q[..., :-1], v[..., :-1]], dim=-1)


class _FirstOrder(View):
    made_by, takes = "first_order", "f(t, y) with y = (q, v)"

    def forward(self, t: Any, y: Any) -> Any:
        if isinstance(y, tuple | list):
            q, v = y
            return v, self.dynamics(t, q, v)
        q, v = y.chunk(2, dim=-1)
        return torch.cat([v, self.dynamics(t, q, v)], dim=-1)


class _TimeLast(View):
    made_by, takes = "time_last", "f(q, v, t)"

    def forward(self, q: Any, *rest: Any) -> Any:
        *velocity, t = rest
        return self.dynamics(t, q, *velocity)


class _WithClock(View):
    made_by, takes = "with_clock", "f(z) or f(z, w)"

    def forward(self, z: Tensor, *velocities: Tensor) -> Tensor:
        q, t = z[..., :-1], z[..., -1]
        width = q.shape[-1]
        flat = [x[..., :width].reshape(-1, width) for x in (z, *velocities)]
        # Members of a batch may be at different times, where a layer has one step size for each.
        force = self.dynamics(t.reshape(-1), *flat).reshape(q.shape)
        return torch.cat([force, torch.zeros_like(z[..., -1:])], dim=-1)
