"""A layer on a wide state: beside it, time grids and other small things weigh nothing."""

from __future__ import annotations

import functools

import numpy as np
import torch
from array_api_compat import array_namespace
from torch import Tensor

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.backends.torch.memory.products import Products
from nodecheck.layers import TorchLayer
from nodecheck.problems import Array, Problem

_BATCH = 2
# A state of 2 kB and one of 4 kB: multiples of the 512 bytes to which CUDA rounds, and small enough that
# 10 000 steps of backpropagation fit into one gigabyte.
WIDTHS = (128, 256)


# Every phase of a turn, the same ones at every width: a norm over the components then depends neither on
# where the turn has got to nor on the width.
_PHASES = 32


def _turn(_t: Array, y: Array, /, *, c: Array) -> Array:
    xp = array_namespace(y)
    half = y.shape[-1] // 2
    one = xp.sin(y) ** 2 + xp.cos(y) ** 2
    return c * one * xp.concat([-y[..., half:], y[..., :half]], axis=-1)


@functools.lru_cache
def wide(width: int, duration: float = 1.0) -> Problem:
    """Return u' = -c v, v' = c u with y = (u, v) of `width` components, on [0, duration].

    The field commutes with rotations, and so does every Runge-Kutta method: one step is as hard as any other,
    in both directions of time, so a controller of step sizes settles, rejects nothing more, and an interval
    of any length costs an adaptive layer steps in proportion.  The factor 1 = sin² + cos² is there for what
    autograd saves of it: six states for an evaluation, so that one evaluation stands clear of single states.
    The parameter grows with the state: what is kept of its size is counted as a state.
    """
    half = width // 2
    phases = 2 * np.pi * (np.arange(half) % _PHASES) / _PHASES
    return Problem(
        name="wide",
        vector_field=_turn,
        y0=np.tile(np.concatenate([np.cos(phases), np.sin(phases)]), (_BATCH, 1)),
        t0=0.0,
        t1=duration,
        params={"c": np.ones(width)},
        reveals="what a layer keeps for each step",
        blind_to="everything about the numbers: all components turn alike",
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
