"""Readings: from t0, t1 and n_steps to the inputs of a layer, and from its output to the final state.

Those of the output record what they drop (`nodecheck.adapt.dropped`), because a verdict has to say so.
"""

from __future__ import annotations

import math
from itertools import chain, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from nodecheck.adapt.dropped import Dropped, record
from nodecheck.numerics.constants import WHOLE_STEP


def grid(t0: float, t1: float, n_steps: int, *, like: Tensor | None = None) -> Tensor:
    """Return the times of `n_steps` equal steps, from t0 to exactly t1: shape (n_steps + 1,).

    Parameters
    ----------
    t0, t1
        Ends of the interval; t1 may be the smaller one.
    n_steps
        Number of steps.
    like
        A tensor whose dtype and device the times get; without it they are float64 on the CPU.  The times are
        computed in float64 and rounded once.  (``torch.linspace`` alone returns float32.)

    Examples
    --------
    >>> build = lambda dynamics, t0, t1, n_steps: lambda y0: odeint(
    ...     dynamics, y0, adapt.grid(t0, t1, n_steps, like=y0))[-1]
    """
    times = torch.linspace(t0, t1, n_steps + 1, dtype=torch.float64)
    return times if like is None else times.to(like)


def grid_through(ts: Tensor, n_steps: int, *, duration: float | None = None) -> Tensor:
    """Return a grid with a step that ends at each output time: float64, on the device of `ts`.

    Each part of the interval gets its share of `n_steps` equal steps, rounded up, so that the grid of two
    output times is that of `grid`.

    Parameters
    ----------
    ts
        Output times, shape (T,), increasing or decreasing.
    n_steps
        Number of steps over the duration.
    duration
        Length of the interval that the steps are counted over, where `ts` are only a part of it, as in the
        backward pass between two output times; without it the length of `ts`.

    Examples
    --------
    >>> build = lambda dynamics, ts, n_steps: lambda y0: at_times(
    ...     solve_on_grid(dynamics, y0, grid := adapt.grid_through(ts, n_steps)), grid, ts)
    """
    times = ts.tolist()
    whole = duration or abs(times[-1] - times[0])
    parts = [_starts(start, end, n_steps * abs(end - start) / whole) for start, end in pairwise(times)]
    return torch.tensor([*chain(*parts), times[-1]], dtype=torch.float64, device=ts.device)


def _starts(start: float, end: float, share: float) -> list[float]:
    """Return the starts of equal steps between two output times."""
    count = max(1, math.ceil(share - WHOLE_STEP))
    return [start + (end - start) * k / count for k in range(count)]


def at_times(states: Tensor, grid: Tensor, ts: Tensor) -> Tensor:
    """Return the states at output times, of those on a grid that has a step end at each of them.

    Parameters
    ----------
    states
        States at all times of the grid, times first: shape (len(grid), *y0.shape).
    grid
        The grid, shape (n + 1,): that of `grid_through`, or the steps that an adaptive layer returns.
    ts
        Output times, shape (T,).
    """
    where = (grid - ts.to(grid)[:, None]).abs().argmin(dim=1)  # the last bit of a step's end may differ
    return states[where.to(states.device)]


def step_size(t0: float, t1: float, n_steps: int) -> float:
    """Return the positive size h of `n_steps` equal steps; it may also serve as the maximal step.

    A layer with the step size h takes |t1 - t0| / h steps, rounded up.  For h = |t1 - t0| / n_steps, rounding
    can leave this quotient just above n_steps (measured: one time in 27).  The layer then takes one more
    step, as short as the rounding error.  In that case h is the next larger number.

    Parameters
    ----------
    t0, t1
        Ends of the interval; t1 may be the smaller one.
    n_steps
        Number of steps.

    Examples
    --------
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
    time_axis
        The axis of time.

    Raises
    ------
    TypeError
        If `trajectory` is not a tensor; of a tuple, pass the element that holds the states.

    Examples
    --------
    >>> solve = lambda y0: adapt.last(odeint(dynamics, y0, times), time_axis=0)
    """
    if not isinstance(trajectory, Tensor):
        message = (
            f"expected the trajectory as a tensor, got {type(trajectory).__name__}; "
            f"pass the part that holds the states, for instance `adapt.part(odeint(...), 1)`"
        )
        raise TypeError(message)
    state = trajectory.select(time_axis, -1)
    others = trajectory.shape[time_axis] - 1
    if others:
        record(Dropped(f"states at {others} other time{'s' * (others > 1)}"))
    return state


def append_time(y0: Tensor, t0: float) -> Tensor:
    """Return (y0, t0), the initial state for `autonomous`: shape (..., d + 1) for y0 of shape (..., d)."""
    return torch.cat([y0, torch.full_like(y0[..., :1], t0)], dim=-1)


def drop_time(z: Tensor) -> Tensor:
    """Return the state y in z = (y, t): shape (..., d) for z of shape (..., d + 1)."""
    record(Dropped("the appended time", appended=True))
    return z[..., :-1]


def flat_params(dynamics: nn.Module) -> Tensor:
    """Return the parameters of the dynamics as one vector, through which gradients reach them.

    It is the argument theta of a view made by `with_flat_params`.  Call it in the forward pass and not in
    `build`, because training changes the parameters between two calls.
    """
    parts: list[Any] = [parameter.reshape(-1) for parameter in dynamics.parameters()]
    return torch.cat(parts) if parts else torch.zeros(0)
