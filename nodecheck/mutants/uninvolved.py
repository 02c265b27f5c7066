"""Mutants that are wrong for parameters without a gradient, or for cotangents of unusual size."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import torch
from torch import Tensor, nn

from nodecheck.mutants.families import AdjointRK4, BackpropRK4, State
from nodecheck.mutants.mutant import Mutant, mutant

Gradients = tuple[Tensor | None, ...]


class FrozenDifferentiated(AdjointRK4):
    """The backward pass differentiates with respect to frozen parameters as well."""

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        super().__init__(dynamics, t0, t1, n_steps)
        self.params = tuple(dynamics.parameters())


class FrozenDetachesOutput(BackpropRK4):
    """Nothing is recorded unless every parameter requires a gradient."""

    def solve(self, y0: Tensor) -> Tensor:
        with torch.set_grad_enabled(all(p.requires_grad for p in self.dynamics.parameters())):
            return super().solve(y0)


class UnusedRefused(AdjointRK4):
    """The backward pass requests the gradient of every parameter without allow_unused."""

    def vjp(self, t: float, y: Tensor, a: Tensor) -> State:
        inputs = (y.detach().requires_grad_(), *self.params)
        with torch.enable_grad():
            dy = self.dynamics(t, inputs[0])
            pulled = torch.autograd.grad(dy, inputs, a)
        return (dy.detach(), *pulled)


class UnusedShiftsOthers(AdjointRK4):
    """Gradients are packed into a vector, in which an unused parameter of any size has one entry."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        a0, *pulled = super().pullback(y1, cotangent)
        parts = [
            g.reshape(-1) if g is not None and g.any() else torch.zeros(1, dtype=y1.dtype) for g in pulled
        ]
        flat, sizes = torch.cat(parts), [p.numel() for p in self.params]
        flat = torch.cat([flat, flat.new_zeros(sum(sizes) - len(flat))])
        return (a0, *(x.view_as(p) for x, p in zip(torch.split(flat, sizes), self.params, strict=True)))


class CotangentClamped(AdjointRK4):
    """The cotangent is clamped to [-10, 10]."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return super().pullback(y1, cotangent.clamp(-10, 10))


class FirstRowZeroGivesUp(AdjointRK4):
    """A cotangent whose first row is zero is taken for zero."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return super().pullback(y1, cotangent if cotangent[0].any() else torch.zeros_like(cotangent))


class GradientClipped(AdjointRK4):
    """The gradients of the parameters are clipped to norm 100."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        a0, *pulled = super().pullback(y1, cotangent)
        arrived = [g for g in pulled if g is not None]
        norm = float(torch.cat([g.reshape(-1) for g in arrived]).norm())
        return (a0, *(g * min(1.0, 100 / norm) if norm else g for g in arrived))


class SmallAdjointZeroed(AdjointRK4):
    """Entries of dL/dy0 below 1e-3 are set to zero."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        a0, *pulled = super().pullback(y1, cotangent)
        assert a0 is not None
        return (torch.where(a0.abs() < 1e-3, torch.zeros_like(a0), a0), *pulled)


UNINVOLVED: tuple[Mutant, ...] = (
    mutant(FrozenDifferentiated, "frozen_param_crash", "uninvolved-parameters"),
    mutant(FrozenDetachesOutput, "frozen_param_detaches_output", "uninvolved-parameters"),
    mutant(UnusedRefused, "unused_param_crash", "uninvolved-parameters"),
    mutant(UnusedShiftsOthers, "unused_param_wrong_shape", "uninvolved-parameters"),
    mutant(CotangentClamped, "backward_blowup_finite_forward", "cotangent-linearity"),
    mutant(FirstRowZeroGivesUp, "cotangent_ignored", "cotangent-linearity"),
    mutant(GradientClipped, "backward_blowup_finite_forward", "cotangent-linearity"),
    mutant(SmallAdjointZeroed, "backward_blowup_finite_forward", "cotangent-linearity"),
)
