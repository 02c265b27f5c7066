"""Mutants that go on using the memory of what they have returned."""

# ruff: noqa: D102
# An override keeps the docstring of its base, and the docstring of the class states the fault.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nodecheck.mutants.families import AdjointRK4, BackpropRK4
from nodecheck.mutants.mutant import Mutant, mutant
from nodecheck.mutants.output_families import AdjointAtOutputs, AtSteps


class EndKeptByReference(AdjointRK4):
    """The backward pass starts from the memory of y1, which the caller may have changed."""

    def __call__(self, y0: Tensor) -> Tensor:
        y1: Tensor = _ByReference.apply(self, y0, *self.params)  # type: ignore[no-untyped-call]
        return y1


class OutputsKeptByReference(AdjointAtOutputs):
    """Each part of the backward pass starts from the memory of a returned state."""

    def __call__(self, y0: Tensor) -> Tensor:
        ys: Tensor = _ByReference.apply(self, y0, *self.params)  # type: ignore[no-untyped-call]
        return ys


class _ByReference(torch.autograd.Function):
    """Keeps what it returns as an attribute, so that autograd does not notice a change in place."""

    @staticmethod
    def forward(ctx: Any, layer: AdjointRK4, y0: Tensor, *_params: Tensor) -> Tensor:
        ctx.layer, found = layer, layer.solve(y0)
        ctx.found = found.detach()
        return found

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        with torch.no_grad():
            gradients = ctx.layer.pullback(ctx.found, cotangent)
        return (None, *ctx.layer.guarded(gradients))


class OutputsInOneBuffer(AtSteps):
    """Under torch.no_grad all calls return their states in one and the same buffer."""

    buffer: Tensor | None = None

    def solve(self, y0: Tensor) -> Tensor:
        ys = super().solve(y0)
        if torch.is_grad_enabled():
            return ys
        if self.buffer is None or self.buffer.shape != ys.shape or self.buffer.dtype != ys.dtype:
            self.buffer = torch.empty_like(ys)
        return self.buffer.copy_(ys)


class ResultReturnedAgain(BackpropRK4):
    """Under torch.no_grad the last result is returned again for an equal y0, and not a copy of it."""

    kept: tuple[Tensor, list[Tensor], Tensor] | None = None

    def solve(self, y0: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().solve(y0)
        params = [p.detach() for p in self.dynamics.parameters()]
        if self.kept is None or not _equal([y0, *params], [self.kept[0], *self.kept[1]]):
            self.kept = (y0.clone(), [p.clone() for p in params], super().solve(y0))
        return self.kept[2]


def _equal(left: list[Tensor], right: list[Tensor]) -> bool:
    pairs = zip(left, right, strict=True)
    return all(a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)


RETURNED: tuple[Mutant, ...] = (
    mutant(EndKeptByReference, "output_changed_in_place", "other-uses"),
    mutant(OutputsKeptByReference, "output_changed_in_place", "other-uses"),
    mutant(OutputsInOneBuffer, "output_buffer_reused", "other-uses"),
    mutant(ResultReturnedAgain, "output_buffer_reused", "other-uses"),
)
