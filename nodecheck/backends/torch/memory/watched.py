"""A built layer on a wide state, used without copies of its output."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nodecheck.backends.torch.memory.products import Products
from nodecheck.backends.torch.passes import as_numpy, built, reader
from nodecheck.backends.torch.tensors import dynamics_of, leaf_of, tensor_of
from nodecheck.layers import Array, Pullback, Readings, Solution, Solve, TorchLayer


class Watched:
    """One built layer that can be used again and again.

    Attributes
    ----------
    dynamics, y0
        The field, with its trace, and the state.
    """

    def __init__(self, layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> None:
        self.dynamics = dynamics_of(solve)
        self._products = Products(self.dynamics)  # before anybody can copy the field
        self.y0 = leaf_of(solve.problem.y0, solve)
        self._cotangents = [tensor_of(c, solve) for c in cotangents]
        self._call = built(layer, self.dynamics, solve)
        self._read = reader(layer, solve.problem)

    @property
    def state_bytes(self) -> int:
        """Size of the state."""
        return self.y0.nbytes

    @property
    def products(self) -> int:
        """Vector-Jacobian products with the field so far."""
        return self._products.count

    def forward(self) -> Tensor:
        """Return y1."""
        return self._read(self._call(self.y0), self.y0)

    def backward(self, y1: Tensor) -> None:
        """Send the cotangent back, if there is one; a detached output sends nothing anywhere."""
        if self._cotangents and y1.requires_grad:
            with self.dynamics.trace.backward():
                y1.backward(self._cotangents[0])  # type: ignore[no-untyped-call]

    def forget(self) -> None:
        """Drop the gradients and the trace, as before the next step of training."""
        self.y0.grad = None
        self.dynamics.zero_grad(set_to_none=True)
        self.dynamics.trace.calls.clear()

    def solution(self, y1: Tensor, readings: Readings) -> Solution:
        """Return the record of the last use."""
        trace = self.dynamics.trace
        pullbacks = (Pullback({}, trace.of("backward")),) if self._cotangents else ()
        return Solution(as_numpy(y1), trace.of("forward"), pullbacks, readings=readings)
