"""Mutants that break a claim about memory: their numbers are right, but they hold too much."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nodecheck.mutants.families import AdjointRK4, BackpropRK4
from nodecheck.mutants.mutant import Mutant, mutant


def every_state(solver: AdjointRK4, y0: Tensor) -> Iterator[Tensor]:
    """Yield the states after each step."""
    h, y = (solver.t1 - solver.t0) / solver.n_steps, y0
    for i in range(solver.n_steps):
        t = solver.t0 + (solver.t1 - solver.t0) * i / solver.n_steps
        (y,) = solver.step(solver.field, t, h, (y,))
        yield y


class AdjointWithTrajectory(AdjointRK4):
    """RK4 by the continuous adjoint, with methods for its states; it keeps only the last one and is right."""

    def __call__(self, y0: Tensor) -> Tensor:
        y1: Tensor = _Keep.apply(self, y0, *self.params)  # type: ignore[no-untyped-call]
        return y1

    def trajectory(self, y0: Tensor) -> list[Tensor]:
        """Return the states to keep; y1 comes last."""
        return [self.solve(y0)]

    def keep(self, ctx: Any, states: list[Tensor]) -> None:
        """Save y1, which the backward pass needs and which comes last."""
        ctx.save_for_backward(states[-1])


class TrajectorySaved(AdjointWithTrajectory):
    """Every state of the forward pass is saved for the backward pass, which needs only the last."""

    def trajectory(self, y0: Tensor) -> list[Tensor]:
        return list(every_state(self, y0))

    def keep(self, ctx: Any, states: list[Tensor]) -> None:
        ctx.save_for_backward(*states)


class HiddenInList(AdjointWithTrajectory):
    """The trajectory is kept in a list on ctx, which autograd's hooks do not reach."""

    def trajectory(self, y0: Tensor) -> list[Tensor]:
        return list(every_state(self, y0))

    def keep(self, ctx: Any, states: list[Tensor]) -> None:
        ctx.states = states[:-1]
        ctx.save_for_backward(states[-1])


class HiddenInNumPy(AdjointWithTrajectory):
    """The trajectory is kept in NumPy arrays, which PyTorch's allocators do not count."""

    def trajectory(self, y0: Tensor) -> list[Tensor]:
        return list(every_state(self, y0))

    def keep(self, ctx: Any, states: list[Tensor]) -> None:
        ctx.states = [y.numpy(force=True).copy() for y in states[:-1]]
        ctx.save_for_backward(states[-1])


class HiddenInBytes(AdjointWithTrajectory):
    """The trajectory is kept in bytes objects, which only the memory of the process shows."""

    def trajectory(self, y0: Tensor) -> list[Tensor]:
        self.states, y1 = [], y0
        for y1 in every_state(self, y0):
            self.states.append(y1.numpy(force=True).tobytes())
        return [y1]

    def keep(self, ctx: Any, states: list[Tensor]) -> None:
        ctx.states = self.states
        ctx.save_for_backward(*states)


class ReferenceCycle(AdjointWithTrajectory):
    """The output is an attribute of its own ctx, and only the garbage collector frees it."""

    def keep(self, ctx: Any, states: list[Tensor]) -> None:
        ctx.y1 = states[-1]
        ctx.save_for_backward(states[-1])


class Checkpointed(AdjointRK4):
    """Backpropagation from √n checkpoints is claimed to need constant memory."""

    def __call__(self, y0: Tensor) -> Tensor:
        h, size, y = (self.t1 - self.t0) / self.n_steps, math.isqrt(self.n_steps), y0

        def segment(y: Tensor, first: int) -> Tensor:
            for i in range(first, min(first + size, self.n_steps)):
                (y,) = self.step(self.field, self.t0 + i * h, h, (y,))
            return y

        for first in range(0, self.n_steps, size):
            y = checkpoint(segment, y, first, use_reentrant=False)
        return y


class OutputsRemembered(BackpropRK4):
    """Every output is appended to a list, with the graph behind it."""

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        super().__init__(dynamics, t0, t1, n_steps)
        self.outputs: list[Tensor] = []

    def solve(self, y0: Tensor) -> Tensor:
        self.outputs.append(super().solve(y0))
        return self.outputs[-1]


class _Keep(torch.autograd.Function):
    """The autograd function of a trajectory and the pullback from its end."""

    @staticmethod
    def forward(ctx: Any, layer: AdjointWithTrajectory, y0: Tensor, *_params: Tensor) -> Tensor:
        ctx.layer = layer
        states = layer.trajectory(y0)
        layer.keep(ctx, states)
        return states[-1]

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        with torch.no_grad():
            gradients = ctx.layer.pullback(ctx.saved_tensors[-1], cotangent)
        return (None, *ctx.layer.guarded(gradients))


MEMORY: tuple[Mutant, ...] = (
    mutant(TrajectorySaved, "adjoint_not_constant_memory", "memory-law"),
    mutant(HiddenInList, "adjoint_not_constant_memory", "memory-law", "hidden-memory"),
    mutant(HiddenInNumPy, "adjoint_not_constant_memory", "memory-law", "hidden-memory"),
    # Only `nodecheck memory --process` finds it, because it holds neither tensors nor arrays.
    mutant(HiddenInBytes, "adjoint_not_constant_memory"),
    mutant(ReferenceCycle, "ctx_output_cycle_leak"),
    mutant(Checkpointed, "adjoint_not_constant_memory", "memory-law"),
    mutant(OutputsRemembered, "memory_not_freed_after_backward", "memory-leak"),
)
