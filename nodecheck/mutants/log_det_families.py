"""The right layers that return the log-determinant, of which mutants are variations."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from nodecheck.layers.layer import LOG_DET, Output
from nodecheck.mutants.families import AdjointRK4, BackpropRK4, State


class ExactTrace(BackpropRK4):
    """RK4 for (y, l), l' being the trace of the Jacobian, differentiated by backpropagation."""

    output: ClassVar[Output] = LOG_DET

    def __call__(self, y0: Tensor) -> Any:
        """Return y1 and the log-determinant."""
        return self.pair(y0)

    def pair(self, y0: Tensor) -> tuple[Tensor, Tensor]:
        """Return y1 and the log-determinant; autograd records both unless the caller disables that."""
        self.begin(y0)
        y1, log_det = self.integrate(self.field, self.t0, self.t1, (y0, self.start(y0)))
        return y1, log_det

    def begin(self, y0: Tensor) -> None:
        """Prepare one solve from y0: an estimate draws its noise here."""

    def start(self, y0: Tensor) -> Tensor:
        """Return l at t0."""
        return torch.zeros_like(y0[:, 0])

    def field(self, t: float, state: State) -> State:
        """Return the right-hand side for (y, l)."""
        recorded = torch.is_grad_enabled()
        y = state[0] if recorded and state[0].requires_grad else state[0].detach().requires_grad_()
        with torch.enable_grad():
            dy = self.dynamics(t, y)
            divergence = self.divergence(dy, y)
        return (dy, divergence) if recorded else (dy.detach(), divergence.detach())

    def divergence(self, dy: Tensor, y: Tensor) -> Tensor:
        """Return the trace of ∂f/∂y for each member of the batch."""
        return torch.stack([self.product(dy[:, i], y)[:, i] for i in range(y.shape[1])], dim=-1).sum(-1)

    def product(self, value: Tensor, y: Tensor) -> Tensor:
        """Return the gradient of the sum of a value, as one that can be differentiated again."""
        (found,) = torch.autograd.grad(value.sum(), y, create_graph=True)
        return found


class FixedNoise(ExactTrace):
    """RK4 for (y, l) with Hutchinson's estimate: one noise for the whole solve, of random signs."""

    def begin(self, y0: Tensor) -> None:
        """Draw the noise."""
        self.noise = self.signs(y0)

    def signs(self, y0: Tensor) -> Tensor:
        """Return random signs."""
        return torch.randint(0, 2, y0.shape, device=y0.device).to(y0) * 2 - 1

    def divergence(self, dy: Tensor, y: Tensor) -> Tensor:
        """Return ε ∂f/∂y ε for each member of the batch."""
        return (self.product(dy * self.noise, y) * self.noise).sum(-1)


class AdjointLogDet(AdjointRK4, ExactTrace):
    """RK4 for (y, l) with the exact trace, differentiated by the continuous adjoint of both."""

    def __call__(self, y0: Tensor) -> Any:
        """Return y1 and the log-determinant, with the adjoint as their gradient function."""
        return _SolvePair.apply(self, y0, *self.params)  # type: ignore[no-untyped-call]

    def pull_back_pair(self, y1: Tensor, of_y: Tensor, of_l: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients with respect to y0 and each parameter; the adjoint of l is constant."""
        zeros = (torch.zeros_like(p) for p in self.params)
        return self.backward((y1, of_y, *zeros, of_l))[1:-1]

    def augmented(self, t: float, state: State) -> State:
        """Return the right-hand side of the augmented equation."""
        y, a, *_, b = state
        inputs = (y.detach().requires_grad_(), *self.params)
        with torch.enable_grad():
            dy, divergence = self.field(t, (inputs[0],))
            pairs = [(dy, a), (divergence, self.of_l(b))]
            outputs, weights = zip(*(pair for pair in pairs if pair[0].requires_grad), strict=True)
            pulled = torch.autograd.grad(outputs, inputs, weights, allow_unused=True)
        rates = (torch.zeros_like(x) if v is None else -v for x, v in zip(inputs, pulled, strict=True))
        return (dy.detach(), *rates, torch.zeros_like(b))

    def of_l(self, cotangent: Tensor) -> Tensor:
        """Return the adjoint of l."""
        return cotangent


class AdjointFixedNoise(AdjointLogDet, FixedNoise):
    """RK4 for (y, l) with Hutchinson's estimate by one noise, differentiated by the continuous adjoint."""


class _SolvePair(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, layer: AdjointLogDet, y0: Tensor, *_params: Tensor) -> tuple[Tensor, Tensor]:
        ctx.layer = layer
        y1, log_det = layer.pair(y0)
        ctx.save_for_backward(y1)
        return y1, log_det

    @staticmethod
    def backward(ctx: Any, of_y: Tensor, of_l: Tensor) -> tuple[Tensor | None, ...]:
        (y1,) = ctx.saved_tensors
        with torch.no_grad():
            gradients = ctx.layer.pull_back_pair(y1, of_y, of_l)
        return (None, *ctx.layer.guarded(gradients))
