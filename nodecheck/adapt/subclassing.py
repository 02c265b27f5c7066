"""The dynamics as an instance of a class that a layer requires."""

from __future__ import annotations

import functools
from typing import Any

from torch import nn


def subclass(dynamics: nn.Module, base: type, *args: Any, method: str = "forward", **kwargs: Any) -> Any:
    """Return the dynamics as an instance of a class derived from `base`, for layers that require one.

    Parameters
    ----------
    dynamics
        The dynamics, or a view of it with the signature of `base`.
    base
        The class that the layer expects; it need not be a module.
    *args, **kwargs
        Arguments of the constructor of `base`.
    method
        The method of `base` that evaluates the field.

    Examples
    --------
    >>> build = lambda dynamics, t0, t1, n_steps: MyLayer(adapt.subclass(dynamics, ODEFunc), t0, t1, n_steps)
    """
    return _derived(base, method)(dynamics, args, kwargs)


@functools.lru_cache
def _derived(base: type, method: str) -> Any:
    """Return the class that derives from `base` and evaluates its `dynamics`; one for each base."""
    bases = (base,) if issubclass(base, nn.Module) else (base, nn.Module)

    def construct(self: Any, dynamics: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nn.Module.__init__(self)
        base.__init__(self, *args, **kwargs)  # type: ignore[misc]
        self.dynamics = dynamics

    def evaluate(self: Any, *arguments: Any) -> Any:
        return self.dynamics(*arguments)

    def reduce(self: Any) -> tuple[Any, ...]:
        # A class made here cannot be found by its name: copies and pickles are made from its base again.
        return _blank, (base, method), self.__dict__

    names = {"__init__": construct, method: evaluate, "__reduce__": reduce, "__module__": __name__}
    return type(base)(f"Adapted{base.__name__}", bases, names)


def _blank(base: type, method: str) -> Any:
    """Return an instance without attributes, which a copy or a pickle then fills."""
    derived = _derived(base, method)
    return derived.__new__(derived)
