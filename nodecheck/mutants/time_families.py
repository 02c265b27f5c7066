"""The right layers with gradients with respect to times of which mutants are variations."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import torch
from torch import Tensor

from nodecheck.layers.layer import OF_PARAMETERS, TIME_GRADIENTS
from nodecheck.mutants.families import State
from nodecheck.mutants.output_families import AdjointAtOutputs, AtSteps

_SUPPORTS = frozenset({*OF_PARAMETERS, TIME_GRADIENTS})


class TimedSteps(AtSteps):
    """RK4 from each output time to the next, differentiated by backpropagation with respect to times, too."""

    supports: ClassVar[frozenset[str]] = _SUPPORTS

    def solve(self, y0: Tensor) -> Tensor:
        """Return the states at all output times, as functions of these."""
        ys = [y0]
        for start, end in itertools.pairwise(self.times.unbind()):
            ys.append(self.timed(start, end, (ys[-1],))[0])
        return torch.stack(ys)

    def timed(self, start: Tensor, end: Tensor, state: State) -> State:
        """Return the state at the end of a part of the interval."""
        n = self.steps_of(start.item(), end.item())
        for i in range(n):
            t, h = self.place(start, end, i / n), self.size(start, end, n)
            state = self.step(self.field, t, h, state)  # type: ignore[arg-type]
        return state

    def place(self, start: Tensor, end: Tensor, share: float) -> Tensor:
        """Return the time of the beginning of a step."""
        return start + (end - start) * share

    def size(self, start: Tensor, end: Tensor, n: int) -> Tensor:
        """Return the size of a step."""
        return (end - start) / n


class AdjointWithTimes(AdjointAtOutputs):
    """The continuous adjoint with gradients for the output times, from the field at both ends."""

    supports: ClassVar[frozenset[str]] = _SUPPORTS

    def __call__(self, y0: Tensor) -> Tensor:
        """Return the states, with the adjoint as their gradient function."""
        ys: Tensor = _SolveWithTimes.apply(self, self.times, y0, *self.params)  # type: ignore[no-untyped-call]
        return ys

    def of_times(self, ys: Tensor, cotangent: Tensor, arriving: Tensor) -> Tensor:
        """Return the gradient with respect to all times; `arriving` is the adjoint at t0."""
        others = [self.of_output(ys, cotangent, k) for k in range(1, len(self.ts))]
        return torch.stack([self.of_start(ys, arriving), *others])

    def of_start(self, ys: Tensor, arriving: Tensor) -> Tensor:
        """Return the gradient with respect to t0: to start later is to start from y0 - f dt."""
        return -(arriving * self.slope(self.ts[0], ys[0])).sum()

    def of_output(self, ys: Tensor, cotangent: Tensor, k: int) -> Tensor:
        """Return the gradient with respect to output time k, with which its state moves."""
        return (cotangent[k] * self.slope(self.ts[k], ys[k])).sum()

    def slope(self, t: float, y: Tensor) -> Tensor:
        """Return the field, without a graph."""
        return self.field(t, (y,))[0].detach()


class _SolveWithTimes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, layer: AdjointWithTimes, _times: Tensor, y0: Tensor, *_params: Tensor) -> Tensor:
        ctx.layer = layer
        ys = layer.solve(y0)
        ctx.save_for_backward(ys)
        return ys

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        layer, (ys,) = ctx.layer, ctx.saved_tensors
        with torch.no_grad():
            a, *sums = layer.pullback(ys, cotangent)
            times = layer.of_times(ys, cotangent, a - layer.jump(cotangent, 0))
        return (None, *layer.guarded((times, a, *sums)))
