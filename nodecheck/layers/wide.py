"""A layer on a wide state: beside it, time grids and other small things weigh nothing."""

from __future__ import annotations

import functools

import numpy as np
import torch
from array_api_compat import array_namespace
from torch import Tensor

from nodecheck.instruments import Dynamics, Products
from nodecheck.layers.base import TorchLayer
from nodecheck.problems import Array, Problem

_BATCH = 2
# A state of 2 kB and one of 4 kB: multiples of the 512 bytes to which CUDA rounds, and small enough that
# 10 000 steps of backpropagation fit into one gigabyte.
WIDTHS = (128, 256)


def _periodic(t: Array, y: Array, /, *, c: Array) -> Array:
    xp = array_namespace(y)
    return c * xp.cos(t) * xp.sin(y)


@functools.lru_cache
def wide(width: int, duration: float = 1.0) -> Problem:
    """Return y' = c cos(t) sin(y) in `width` components, on [0, duration].

    Separable: tan(y/2) = tan(y0/2) exp(c sin t), periodic, neither growing nor decaying, in both directions
    of time; so an interval of any length costs an adaptive layer steps in proportion.  All components are
    equal, so that the steps do not depend on their number.  The parameter grows with the state: what is kept
    of its size is counted as a state.
    """
    return Problem(
        name="wide",
        vector_field=_periodic,
        y0=np.full((_BATCH, width), 0.5),
        t0=0.0,
        t1=duration,
        params={"c": np.ones(width)},
        reveals="what a layer keeps for each step",
        blind_to="everything about the numbers: all components are equal",
    )


class WideUse:
    """One built layer, used like any autograd function, without copies of its output.

    Attributes
    ----------
    dynamics
        The field, with its trace.
    state_bytes
        Size of the state.
    """

    def __init__(
        self, layer: TorchLayer, problem: Problem, resolution: float, device: str | torch.device = "cpu"
    ) -> None:
        self.dynamics = Dynamics(problem).to(device)
        self._products = Products(self.dynamics)  # before anybody can copy the field
        self.y0 = torch.tensor(problem.y0, device=device, requires_grad=True)
        self.state_bytes = self.y0.nbytes
        self._cotangent = torch.ones_like(self.y0)
        self._solve = layer.build(self.dynamics, problem.t0, problem.t1, **{layer.resolution: resolution})

    @property
    def products(self) -> int:
        """Vector-Jacobian products with the field so far."""
        return self._products.count

    def forward(self) -> Tensor:
        """Return y1."""
        return self._solve(self.y0)

    def backward(self, y1: Tensor) -> None:
        """Send a cotangent of ones back; a detached output sends nothing anywhere."""
        if y1.requires_grad:
            with self.dynamics.trace.backward():
                y1.backward(self._cotangent)  # type: ignore[no-untyped-call]

    def forget(self) -> None:
        """Drop the gradients and the trace, as before the next step of training."""
        self.y0.grad = None
        self.dynamics.zero_grad(set_to_none=True)
        self.dynamics.trace.calls.clear()
