"""Problems of the user's own: the field is an `nn.Module`."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nodecheck.numerics.constants import LARGEST_OWN_SENSITIVITY
from nodecheck.problems.problem import Array, Float64, Problem

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["OwnField", "from_module", "is_own"]


class OwnField(abc.ABC):
    """The field of a user's module, as `Problem.vector_field`; it knows its derivatives.

    Attributes
    ----------
    module
        The float64 copy of the user's module.
    shape
        The shape of the state of one member of the batch; a problem has it as one axis.
    frozen
        Names of the parameters that require no gradient: they are constants of the field.
    """

    module: nn.Module
    shape: tuple[int, ...]
    frozen: tuple[str, ...]

    @abc.abstractmethod
    def __call__(self, t: Array, y: Array, /, **params: Array) -> Array:
        """Return dy/dt, of the shape of y."""

    @abc.abstractmethod
    def tangents(self, t: float, y: Float64, params: Mapping[str, Float64]) -> tuple[Float64, Float64]:
        """Return f(t, y), (B, d), and its derivatives (K, B, d) along the state and each parameter."""


def is_own(problem: Problem) -> bool:
    """Return True if the field of a problem is a module of the user's own."""
    return isinstance(problem.vector_field, OwnField)


def from_module(name: str, module: nn.Module, y0: Tensor, t0: float, t1: float) -> Problem:
    """Return the problem y' = module(t, y), y(t0) = y0, to be solved at t1.

    Parameters
    ----------
    name
        The name of the problem in results; none of the suite.
    module
        Called as ``module(t, y)``, t without axes, y of the shape of y0.  A float64 copy of it is used: the
        module itself is not changed.
    y0
        A batch of initial states, real, shape (B, ...); the members must not influence each other.
    t0, t1
        The interval, t0 before or after t1.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of this kind, or if the module cannot be called with it in float64.
    """
    from nodecheck.problems.modules.arguments import field_of_module

    field = field_of_module(module, y0, t0)
    state = y0.detach().to("cpu").double().reshape(len(y0), -1).numpy()
    params = {n: p.detach().numpy() for n, p in field.module.named_parameters() if p.requires_grad}
    _refuse_large(state, params)
    return Problem(
        name,
        field,
        state,
        float(t0),
        float(t1),
        params,
        on_card=True,
        in_pictures=state.shape[1] == len(("x", "y")),
    )


def _refuse_large(state: Float64, params: Mapping[str, Any]) -> None:
    """Raise a ValueError if the exact derivatives would be too many numbers."""
    batch, size = state.shape
    count = sum(int(np.size(p)) for p in params.values())
    numbers = batch * size * (1 + size + count)
    if numbers > LARGEST_OWN_SENSITIVITY:
        message = (
            f"a module and a batch must be small enough for all exact derivatives, at most "
            f"{LARGEST_OWN_SENSITIVITY:,} numbers, got {numbers:,}: {batch} members of {size} components, "
            f"{count} parameters; give a narrower module of the same kind or a smaller batch, or look at "
            f"the gradient of the whole model with `nodecheck audit`"
        )
        raise ValueError(message)
    if not count:
        message = (
            "module must have parameters that require a gradient, got none; a layer is asked for the "
            "gradients of parameters: call `module.requires_grad_()`"
        )
        raise ValueError(message)
    if not math.isfinite(float(np.abs(state).max(initial=0.0))):
        message = "y0 must be finite, got infinity or NaN in it; give states that the model has seen"
        raise ValueError(message)
