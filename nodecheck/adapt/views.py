"""Views of the dynamics: the same vector field under the signature that a layer calls."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call


def swapped(dynamics: nn.Module) -> nn.Module:
    """Return f with ``f(y, t) = dynamics(t, y)``; further arguments follow as they are.

    >>> build = lambda dynamics, t0, t1, n_steps: MyLayer(adapt.swapped(dynamics), t0, t1, n_steps)
    """
    return _Swapped(dynamics)


def autonomous(dynamics: nn.Module) -> nn.Module:
    """Return f with ``f(z) = (dynamics(t, y), 1)`` for z = (y, t): time is the last component of the state.

    A layer that calls f(y) solves autonomous equations only.  Every equation is one, with time as a further
    state (Hairer, Nørsett & Wanner (1993), sec. II.2); a method that is right then evaluates the field at
    the same stage times.  z has shape (..., d + 1); `append_time` and `drop_time` lead there and back.

    >>> def build(dynamics, t0, t1, n_steps):
    ...     layer = MyLayer(adapt.autonomous(dynamics), t1 - t0, n_steps)
    ...     return lambda y0: adapt.drop_time(layer(adapt.append_time(y0, t0)))
    """
    return _Autonomous(dynamics)


def with_params(dynamics: nn.Module) -> nn.Module:
    """Return f with ``f(t, y, *params)``: the field with these tensors as its parameters.

    ``params`` are in the order of ``dynamics.parameters()``, and gradients reach whatever was passed.

    >>> def build(dynamics, t0, t1, n_steps):
    ...     f = adapt.with_params(dynamics)
    ...     return lambda y0: odeint(f, y0, t0, t1, n_steps, *dynamics.parameters())
    """
    return _WithParams(dynamics)


def with_flat_params(dynamics: nn.Module) -> nn.Module:
    """Return f with ``f(t, y, theta)``: the field with its parameters read from one vector.

    ``theta`` has as many entries as the dynamics has parameters, laid out as by `flat_params`.

    >>> def build(dynamics, t0, t1, n_steps):
    ...     f = adapt.with_flat_params(dynamics)
    ...     return lambda y0: Solve.apply(f, y0, t0, t1, n_steps, adapt.flat_params(dynamics))
    """
    return _WithFlatParams(dynamics)


def over_unit_interval(dynamics: nn.Module, t0: float, t1: float) -> nn.Module:
    """Return f over s in [0, 1] whose solution at s = 1 is that of the dynamics at t1.

    For a layer that always integrates from 0 to 1: f(s, y) = (t1 - t0) dynamics(t0 + s (t1 - t0), y).

    >>> build = lambda dynamics, t0, t1, n_steps: MyLayer(adapt.over_unit_interval(dynamics, t0, t1), n_steps)
    """
    return _OverUnitInterval(dynamics, t0, t1)


def subclass(dynamics: nn.Module, base: type, *args: Any, method: str = "forward", **kwargs: Any) -> Any:
    """Return the dynamics as an instance of a class derived from `base`, for layers that insist on one.

    Parameters
    ----------
    dynamics
        The dynamics, or a view of it with the signature that `base` asks for.
    base
        The class that the layer expects, a module or not.
    *args, **kwargs
        What the constructor of `base` takes.
    method
        The method of `base` that evaluates the field.

    Examples
    --------
    >>> build = lambda dynamics, t0, t1, n_steps: MyLayer(adapt.subclass(dynamics, ODEFunc), t0, t1, n_steps)
    """
    return _derived(base, method)(dynamics, args, kwargs)


class _Swapped(nn.Module):
    def __init__(self, dynamics: nn.Module) -> None:
        super().__init__()
        self.dynamics = dynamics

    def forward(self, y: Any, t: Any, *more: Any) -> Any:
        return self.dynamics(t, y, *more)


class _Autonomous(nn.Module):
    def __init__(self, dynamics: nn.Module) -> None:
        super().__init__()
        self.dynamics = dynamics

    def forward(self, z: Tensor) -> Tensor:
        y, t = z[..., :-1], z[..., -1]
        # Members of a batch may be at different times, where a layer has one step size for each.
        slope = self.dynamics(t.reshape(-1), y.reshape(-1, y.shape[-1])).reshape(y.shape)
        return torch.cat([slope, torch.ones_like(z[..., -1:])], dim=-1)


class _WithParams(nn.Module):
    def __init__(self, dynamics: nn.Module) -> None:
        super().__init__()
        self.dynamics = dynamics

    def forward(self, t: Any, y: Tensor, *params: Tensor) -> Any:
        names = [name for name, _ in self.dynamics.named_parameters()]
        if len(params) != len(names):
            message = (
                f"expected f(t, y, {', '.join(names)}), got {len(params)} parameters; "
                f"pass *dynamics.parameters()"
            )
            raise TypeError(message)
        return functional_call(self.dynamics, dict(zip(names, params, strict=True)), (t, y))


class _WithFlatParams(nn.Module):
    def __init__(self, dynamics: nn.Module) -> None:
        super().__init__()
        self.dynamics = dynamics

    def forward(self, t: Any, y: Tensor, theta: Tensor) -> Any:
        shapes = {name: parameter.shape for name, parameter in self.dynamics.named_parameters()}
        sizes = [math.prod(shape) for shape in shapes.values()]
        if theta.shape != (sum(sizes),):
            message = (
                f"expected theta of shape ({sum(sizes)},), got {tuple(theta.shape)}; "
                f"pass adapt.flat_params(dynamics)"
            )
            raise TypeError(message)
        parts = zip(shapes.items(), torch.split(theta, sizes), strict=True)
        return functional_call(self.dynamics, {name: part.view(s) for (name, s), part in parts}, (t, y))


class _OverUnitInterval(nn.Module):
    def __init__(self, dynamics: nn.Module, t0: float, t1: float) -> None:
        super().__init__()
        self.dynamics, self.t0, self.duration = dynamics, t0, t1 - t0

    def forward(self, s: Any, y: Tensor) -> Any:
        return self.duration * self.dynamics(self.t0 + s * self.duration, y)


@functools.lru_cache
def _derived(base: type, method: str) -> Any:
    """Return the class that derives from `base` and evaluates its `dynamics`: one for each base."""
    bases = (base,) if issubclass(base, nn.Module) else (base, nn.Module)

    def construct(self: Any, dynamics: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nn.Module.__init__(self)
        base.__init__(self, *args, **kwargs)  # type: ignore[misc]
        self.dynamics = dynamics

    def evaluate(self: Any, *arguments: Any) -> Any:
        return self.dynamics(*arguments)

    def reduce(self: Any) -> tuple[Any, ...]:
        # A class made here cannot be found by its name: copies and pickles make it again from its base.
        return _blank, (base, method), self.__dict__

    names = {"__init__": construct, method: evaluate, "__reduce__": reduce, "__module__": __name__}
    return type(base)(f"Adapted{base.__name__}", bases, names)


def _blank(base: type, method: str) -> Any:
    derived = _derived(base, method)
    return derived.__new__(derived)
