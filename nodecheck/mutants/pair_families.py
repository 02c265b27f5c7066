"""The right layers whose state is a pair of tensors, of which mutants are variations."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nodecheck.layers.layer import PAIR, Output
from nodecheck.mutants.adaptive_families import AdaptiveBackprop
from nodecheck.mutants.families import AdjointRK4, Backprop, BackpropRK4, State, refused_twice


class _PairState(Backprop):
    """A solver that carries a pair of tensors from step to step."""

    output: ClassVar[Output] = PAIR

    def __call__(self, y0: Any) -> Any:
        """Return y1 as a pair."""
        return self.integrate(self.field, self.t0, self.t1, y0)

    def field(self, t: float, state: State) -> State:
        """Return the right-hand side for the pair."""
        value: State = self.dynamics(t, state)
        return value


class PairBackprop(_PairState, BackpropRK4):
    """RK4 for a pair, differentiated by backpropagation."""


class PairAdaptive(_PairState, AdaptiveBackprop):
    """Dormand and Prince's pair of methods for a pair of tensors, differentiated by backpropagation."""


class PairAdjoint(AdjointRK4):
    """RK4 for a pair, differentiated by the continuous adjoint of both parts."""

    output: ClassVar[Output] = PAIR

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        super().__init__(dynamics, t0, t1, n_steps)
        self.width = 0  # of the first part

    def __call__(self, y0: Any) -> Any:
        """Return y1 as a pair, with the adjoint as its gradient function."""
        self.width = y0[0].shape[-1]
        return _SolvePair.apply(self, *y0, *self.params)  # type: ignore[no-untyped-call]

    def solve(self, y0: Tensor) -> Tensor:
        """Return the joined y1 for a joined y0."""
        return self.integrate(self.field, self.t0, self.t1, (y0,))[0]

    def field(self, t: float, state: State) -> State:
        """Return the right-hand side for the joined state."""
        return (self.joined(t, state[0]),)

    def vjp(self, t: float, y: Tensor, a: Tensor) -> State:
        """Return f, a ∂f/∂y and a ∂f/∂θ for each parameter, of the joined state."""
        inputs = (y.detach().requires_grad_(), *self.params)
        with torch.enable_grad():
            dy = self.joined(t, inputs[0])
            pulled = torch.autograd.grad(dy, inputs, a, allow_unused=True)
        zeros = (torch.zeros_like(x) if v is None else v for x, v in zip(inputs, pulled, strict=True))
        return (dy.detach(), *zeros)

    def joined(self, t: float, y: Tensor) -> Tensor:
        """Return f for the joined state."""
        return torch.cat(self.dynamics(t, self.parts(y)), dim=-1)

    def parts(self, y: Tensor) -> State:
        """Return the two parts of a joined tensor."""
        return y[..., : self.width], y[..., self.width :]

    def cotangent(self, parts: State) -> Tensor:
        """Return the joined cotangent of the pair."""
        return torch.cat(parts, dim=-1)

    def gradients(self, joined: tuple[Tensor | None, ...], _wanted: tuple[bool, ...]) -> Any:
        """Return the gradients with respect to the two parts of y0, and each parameter."""
        y0, *params = joined
        assert y0 is not None
        return (*self.parts(y0), *params)


class _SolvePair(torch.autograd.Function):
    """The autograd function of the forward pass and the pullback for a pair."""

    @staticmethod
    def forward(ctx: Any, layer: PairAdjoint, first: Tensor, second: Tensor, *_params: Tensor) -> State:
        ctx.layer = layer
        y1 = layer.solve(torch.cat([first, second], dim=-1))
        ctx.save_for_backward(y1)
        return layer.parts(y1)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        (y1,) = ctx.saved_tensors
        layer, wanted = ctx.layer, ctx.needs_input_grad[1:3]
        with torch.no_grad():
            joined = layer.pullback(y1, layer.cotangent(cotangents))
            found = layer.gradients(joined, wanted)
        return (None, *(refused_twice(found) if torch.is_grad_enabled() else found))
