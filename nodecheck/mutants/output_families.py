"""The right layers with output times of which mutants are variations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from nodecheck.mutants.families import AdjointRK4, BackpropRK4, State


class AtSteps(BackpropRK4):
    """RK4 from each output time to the next, in so many steps as its share of the interval asks for."""

    output_times: ClassVar[bool] = True

    def solve(self, y0: Tensor) -> Tensor:
        """Return the states at all output times."""
        return torch.stack(self.states(y0, self.ts))

    def states(self, y0: Tensor, ts: Sequence[float]) -> list[Tensor]:
        """Return the states at output times, the first of them y0."""
        ys = [y0]
        for start, end in itertools.pairwise(ts):
            ys.append(self.segment(self.field, start, end, (ys[-1],))[0])
        return ys

    def segment(self, field: Any, start: float, end: float, state: State) -> State:
        """Return the state at the end of a part of the interval."""
        n = self.steps_of(start, end)
        for i in range(n):
            state = self.step(field, start + (end - start) * i / n, (end - start) / n, state)
        return state

    def steps_of(self, start: float, end: float) -> int:
        """Return the number of steps of a part of the interval."""
        share = abs(end - start) / abs(self.t1 - self.t0)
        return max(1, math.ceil(self.n_steps * share - 1e-9))


class Interpolated(BackpropRK4):
    """RK4 on one grid of equal steps, and Hermite's cubic between them."""

    output_times: ClassVar[bool] = True

    def solve(self, y0: Tensor) -> Tensor:
        """Return the states at all output times."""
        h = (self.t1 - self.t0) / self.n_steps
        states: list[State] = [(y0,)]
        for k in range(self.n_steps):
            states.append(self.step(self.field, self.t0 + k * h, h, states[-1]))
        return torch.stack([self.between(states, (t - self.t0) / h, h) for t in self.ts])

    def between(self, states: Sequence[State], place: float, h: float) -> Tensor:
        """Return the state at a place, counted in steps."""
        k = min(math.floor(place), self.n_steps - 1)
        return self.interpolate(states[k], states[k + 1], place - k, self.t0 + k * h, h)

    def interpolate(self, left: State, right: State, part: float, t: float, h: float) -> Tensor:
        """Return the cubic with the states and slopes at both ends of a step."""
        (a,), (b,) = left, right
        (fa,), (fb,) = self.field(t, left), self.field(t + h, right)
        inner = (1 - 2 * part) * (b - a) + h * ((part - 1) * fa + part * fb)
        return (1 - part) * a + part * b + part * (part - 1) * inner


class AdjointAtOutputs(AdjointRK4, AtSteps):
    """The continuous adjoint, which jumps by the cotangent of each output on its way back to t0."""

    def __call__(self, y0: Tensor) -> Tensor:
        """Return the states, with the adjoint as their gradient function."""
        ys: Tensor = _SolveAtOutputs.apply(self, y0, *self.params)  # type: ignore[no-untyped-call]
        return ys

    def pullback(self, y1: Tensor, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients with respect to y0 and each parameter, from all states and cotangents."""
        self.require_same_parameters()
        ts = self.ts
        a, *sums = (torch.zeros_like(y1[0]), *(torch.zeros_like(p) for p in self.params))
        for k in reversed(range(1, len(ts))):
            a = a + self.jump(cotangent, k)
            _, a, *sums = self.segment(self.augmented, ts[k], ts[k - 1], (self.start(y1, k), a, *sums))
        return (a + self.jump(cotangent, 0), *sums)

    def jump(self, cotangent: Tensor, k: int) -> Tensor:
        """Return the jump of the adjoint at output k."""
        return cotangent[k]

    def start(self, ys: Tensor, k: int) -> Tensor:
        """Return the state from which the part before output k is solved back."""
        return ys[k]


class _SolveAtOutputs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, layer: AdjointAtOutputs, y0: Tensor, *_params: Tensor) -> Tensor:
        ctx.layer = layer
        ys = layer.solve(y0)
        ctx.save_for_backward(ys)
        return ys

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        (ys,) = ctx.saved_tensors
        with torch.no_grad():
            gradients = ctx.layer.pullback(ys, cotangent)
        return (None, *ctx.layer.guarded(gradients))
