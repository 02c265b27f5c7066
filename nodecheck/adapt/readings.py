"""Readings: from t0, t1 and n_steps to what a layer asks for, and from what it returns to the final state."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


def grid(t0: float, t1: float, n_steps: int, *, like: Tensor | None = None) -> Tensor:
    """Return the n_steps + 1 times of a grid of equal steps, from t0 to exactly t1.

    Computed in float64 and rounded once to the dtype of `like`, on its device; float64 without it.
    ``torch.linspace`` alone makes float32.

    >>> build = lambda dynamics, t0, t1, n_steps: lambda y0: odeint(
    ...     dynamics, y0, adapt.grid(t0, t1, n_steps, like=y0))[-1]
    """
    times = torch.linspace(t0, t1, n_steps + 1, dtype=torch.float64)
    return times if like is None else times.to(like)


def step_size(t0: float, t1: float, n_steps: int) -> float:
    """Return the positive size h of n_steps equal steps, also as the maximal step.

    Layers that are given h take |t1 - t0| / h steps, rounded up.  Rounding can leave the quotient for
    h = |t1 - t0| / n_steps a hair above n_steps (measured: one time in 27), which costs a step more, as
    short as the rounding error; h is then the next larger number.

    >>> build = lambda dynamics, t0, t1, n_steps: MyLayer(
    ...     dynamics, t0, t1, h=adapt.step_size(t0, t1, n_steps))
    """
    duration = abs(t1 - t0)
    h = duration / n_steps
    return h if duration / h <= n_steps else math.nextafter(h, math.inf)


def last(trajectory: Tensor, *, time_axis: int) -> Tensor:
    """Return the final state of a trajectory: its last entry along the axis of time.

    Parameters
    ----------
    trajectory
        States at several times: (T, B, d) with time_axis=0, (B, T, d) with 1, (B, d, T) with 2 or -1.

    Raises
    ------
    TypeError
        If it is not a tensor; of a tuple, pass the element that holds the states.

    Examples
    --------
    >>> solve = lambda y0: adapt.last(odeint(dynamics, y0, times)[1], time_axis=0)  # it returns (t, y)
    """
    if not isinstance(trajectory, Tensor):
        message = (
            f"expected the trajectory as a tensor, got {type(trajectory).__name__}; "
            f"pass the element that holds the states, for instance `odeint(...)[1]`"
        )
        raise TypeError(message)
    return trajectory.select(time_axis, -1)


def append_time(y0: Tensor, t0: float) -> Tensor:
    """Return (y0, t0) of shape (..., d + 1): the initial state for `autonomous`."""
    return torch.cat([y0, torch.full_like(y0[..., :1], t0)], dim=-1)


def drop_time(z: Tensor) -> Tensor:
    """Return the state y of shape (..., d) in z = (y, t) of shape (..., d + 1)."""
    return z[..., :-1]


def flat_params(dynamics: nn.Module) -> Tensor:
    """Return the parameters as one vector through which gradients reach them, for `with_flat_params`.

    Call it in the forward pass, not in `build`: training changes the parameters between two calls.
    """
    parts: list[Any] = [parameter.reshape(-1) for parameter in dynamics.parameters()]
    return torch.cat(parts) if parts else torch.zeros(0)
