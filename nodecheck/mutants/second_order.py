"""Mutants whose gradient is right and whose second derivatives are not, and the right layer beside them."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.func import functional_call, vjp

from nodecheck.layers.layer import DOUBLE_BACKWARD, OF_PARAMETERS
from nodecheck.mutants.families import AdjointRK4, State
from nodecheck.mutants.mutant import Mutant, mutant

Gradients = tuple[Tensor | None, ...]


class TwiceAdjointRK4(AdjointRK4):
    """The continuous adjoint, whose backward pass autograd can record and differentiate again."""

    supports: ClassVar[frozenset[str]] = frozenset((*OF_PARAMETERS, DOUBLE_BACKWARD))

    def __call__(self, y0: Tensor) -> Tensor:
        """Return y1, with the adjoint as its gradient function."""
        y1: Tensor = _SolveTwice.apply(self, y0, *self.params)  # type: ignore[no-untyped-call]
        return y1

    def vjp(self, t: float, y: Tensor, a: Tensor) -> State:
        """Return f, a ∂f/∂y and a ∂f/∂θ for each parameter, as functions of y, a and the parameters."""
        names = [name for name, p in self.dynamics.named_parameters() if p.requires_grad]

        def field(t: float, y: Tensor, *params: Tensor) -> Tensor:
            by_name = dict(zip(names, params, strict=True))
            slope: Tensor = functional_call(self.dynamics, by_name, (t, y))
            return slope

        dy, pull = vjp(partial(field, t), y, *self.params)  # type: ignore[misc]  # three with has_aux
        return (dy, *pull(a))

    def require_same_parameters(self) -> None:
        """Do nothing: the field is called with the parameters of the forward pass."""

    def guarded(self, gradients: Gradients) -> Gradients:
        """Return the gradients as they are."""
        return gradients


class _SolveTwice(torch.autograd.Function):
    """The autograd function of a layer whose pullback autograd records where a graph is asked for."""

    @staticmethod
    def forward(ctx: Any, layer: TwiceAdjointRK4, y0: Tensor, *_params: Tensor) -> Tensor:
        ctx.layer = layer
        y1 = layer.solve(y0)
        ctx.save_for_backward(y1)
        return y1

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> Gradients:
        (y1,) = ctx.saved_tensors
        return (None, *ctx.layer.guarded(ctx.layer.pullback(y1, cotangent)))


class PenaltyDropped(AdjointRK4):
    """The backward pass runs under no_grad: a gradient has no graph, and a penalty on it no effect."""

    def guarded(self, gradients: Gradients) -> Gradients:
        return gradients


class OnceDifferentiable(AdjointRK4):
    """Second derivatives are refused if the cotangent requires a gradient, and dropped if it does not."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        self.refuses = cotangent.requires_grad
        return super().pullback(y1, cotangent)

    def guarded(self, gradients: Gradients) -> Gradients:
        return super().guarded(gradients) if self.refuses else gradients


class StateDetachedInBackward(TwiceAdjointRK4):
    """The state of the backward pass is detached: its dependence on y0 and the parameters is forgotten."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return super().pullback(y1.detach(), cotangent)


class CotangentDetachedInBackward(TwiceAdjointRK4):
    """The cotangent is detached in the backward pass: its dependence on y1 is forgotten."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return super().pullback(y1, cotangent.detach())


class PenaltyHalved(TwiceAdjointRK4):
    """Half of every gradient is detached."""

    def guarded(self, gradients: Gradients) -> Gradients:
        return tuple(None if g is None else (g + g.detach()) / 2 for g in gradients)


class ParameterPenaltyDropped(TwiceAdjointRK4):
    """The gradients of the parameters are detached, that of y0 is not."""

    def guarded(self, gradients: Gradients) -> Gradients:
        first, *others = gradients
        return (first, *(None if g is None else g.detach() for g in others))


SECOND_ORDER: tuple[Mutant, ...] = (
    mutant(PenaltyDropped, "double_backward_dropped", "second-derivatives"),
    mutant(OnceDifferentiable, "double_backward_dropped", "second-derivatives"),
    mutant(StateDetachedInBackward, "double_backward_wrong", "second-derivatives"),
    mutant(CotangentDetachedInBackward, "double_backward_wrong", "second-derivatives"),
    mutant(PenaltyHalved, "double_backward_wrong", "second-derivatives"),
    mutant(ParameterPenaltyDropped, "double_backward_dropped", "second-derivatives"),
)
