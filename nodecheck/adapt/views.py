"""Views of the dynamics: the same vector field under the signature that a layer calls."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nodecheck.adapt.errors import ViewCallError
from nodecheck.adapt.view import View


def swapped(dynamics: nn.Module) -> nn.Module:
    """Return f with ``f(y, t) = dynamics(t, y)``; further arguments are passed on.

    Examples
    --------
    >>> build = lambda dynamics, t0, t1, n_steps: MyLayer(adapt.swapped(dynamics), t0, t1, n_steps)
    """
    return _Swapped(dynamics)


def autonomous(dynamics: nn.Module) -> nn.Module:
    """Return f with ``f(z) = (dynamics(t, y), 1)`` for z = (y, t): time is the last component of the state.

    A layer that calls f(y) solves autonomous equations only.  Every equation becomes autonomous with time as
    a further state, and a right method then evaluates the field at the same stage times: Hairer, Nørsett &
    Wanner (1993), sec. II.2.  z has shape (..., d + 1); `append_time` makes it, and `drop_time` returns y.

    Examples
    --------
    >>> def build(dynamics, t0, t1, n_steps):
    ...     layer = MyLayer(adapt.autonomous(dynamics), t1 - t0, n_steps)
    ...     return lambda y0: adapt.drop_time(layer(adapt.append_time(y0, t0)))
    """
    return _Autonomous(dynamics)


def with_params(dynamics: nn.Module) -> nn.Module:
    """Return f with ``f(t, y, *params)``: the field with these tensors as its parameters.

    ``params`` are in the order of ``dynamics.parameters()``.  Gradients reach the tensors that were passed.
    f raises `ViewCallError` for another number of parameters.

    Examples
    --------
    >>> def build(dynamics, t0, t1, n_steps):
    ...     f = adapt.with_params(dynamics)
    ...     return lambda y0: odeint(f, y0, t0, t1, n_steps, *dynamics.parameters())
    """
    return _WithParams(dynamics)


def with_flat_params(dynamics: nn.Module) -> nn.Module:
    """Return f with ``f(t, y, theta)``: the field with its parameters read from one vector.

    ``theta`` has shape (number of entries of all parameters,), in the order of `flat_params`.  f raises
    `ViewCallError` for another shape.

    Examples
    --------
    >>> def build(dynamics, t0, t1, n_steps):
    ...     f = adapt.with_flat_params(dynamics)
    ...     return lambda y0: Solve.apply(f, y0, t0, t1, n_steps, adapt.flat_params(dynamics))
    """
    return _WithFlatParams(dynamics)


def over_unit_interval(dynamics: nn.Module, t0: float, t1: float) -> nn.Module:
    """Return f over s in [0, 1] whose solution at s = 1 is that of the dynamics at t1.

    It is for a layer that always integrates from 0 to 1: f(s, y) = (t1 - t0) dynamics(t0 + s (t1 - t0), y).

    Parameters
    ----------
    dynamics
        The dynamics.
    t0, t1
        Ends of the interval of the equation.

    Examples
    --------
    >>> build = lambda dynamics, t0, t1, n_steps: MyLayer(adapt.over_unit_interval(dynamics, t0, t1), n_steps)
    """
    return _OverUnitInterval(dynamics, t0, t1)


class _Swapped(View):
    made_by, takes = "swapped", "f(y, t)"

    def forward(self, y: Any, t: Any, *more: Any) -> Any:
        return self.dynamics(t, y, *more)


class _Autonomous(View):
    made_by, takes = "autonomous", "f(z)"

    def forward(self, z: Tensor) -> Tensor:
        y, t = z[..., :-1], z[..., -1]
        # Members of a batch may be at different times, where a layer has one step size for each.
        slope = self.dynamics(t.reshape(-1), y.reshape(-1, y.shape[-1])).reshape(y.shape)
        return torch.cat([slope, torch.ones_like(z[..., -1:])], dim=-1)


class _WithParams(View):
    made_by, takes = "with_params", "f(t, y, *params)"

    def forward(self, t: Any, y: Tensor, *params: Tensor) -> Any:
        names = [name for name, _ in self.dynamics.named_parameters()]
        if len(params) != len(names):
            call, received = f"f(t, y, {', '.join(names)})", f"{len(params)} parameters"
            raise ViewCallError(self.made_by, call, received, "pass *dynamics.parameters()")
        return functional_call(self.dynamics, dict(zip(names, params, strict=True)), (t, y))


class _WithFlatParams(View):
    made_by, takes = "with_flat_params", "f(t, y, theta)"

    def forward(self, t: Any, y: Tensor, theta: Tensor) -> Any:
        shapes = {name: parameter.shape for name, parameter in self.dynamics.named_parameters()}
        sizes = [math.prod(shape) for shape in shapes.values()]
        if theta.shape != (sum(sizes),):
            call, received = f"f(t, y, theta) with theta of shape ({sum(sizes)},)", f"{tuple(theta.shape)}"
            raise ViewCallError(self.made_by, call, received, "pass adapt.flat_params(dynamics)")
        parts = zip(shapes.items(), torch.split(theta, sizes), strict=True)
        return functional_call(self.dynamics, {name: part.view(s) for (name, s), part in parts}, (t, y))


class _OverUnitInterval(View):
    made_by, takes = "over_unit_interval", "f(s, y)"

    def __init__(self, dynamics: nn.Module, t0: float, t1: float) -> None:
        super().__init__(dynamics)
        self.t0, self.duration = t0, t1 - t0

    def forward(self, s: Any, y: Tensor) -> Any:
        return self.duration * self.dynamics(self.t0 + s * self.duration, y)
