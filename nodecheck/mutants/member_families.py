"""The right layers with an interval for each member of the batch of which mutants are variations."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from nodecheck.layers.layer import MEMBER_TIMES, OF_PARAMETERS, TIME_GRADIENTS
from nodecheck.mutants.adaptive_families import AdaptiveBackprop
from nodecheck.mutants.families import BackpropRK4, ByAdjoint, State

_SUPPORTS = frozenset({*OF_PARAMETERS, MEMBER_TIMES})


def beside(time: Any, y: Tensor) -> Any:
    """Return times of members as a column beside the state, and one time as it is."""
    return time[:, None].to(y.dtype) if isinstance(time, Tensor) and time.ndim else time


class MemberSteps(BackpropRK4):
    """RK4 over s from 0 to 1 with t = t0 + s (t1 - t0) of each member, by backpropagation."""

    supports: ClassVar[frozenset[str]] = _SUPPORTS | {TIME_GRADIENTS}

    def solve(self, y0: Tensor) -> Tensor:
        """Return y1; autograd records it unless the caller disables that."""
        return self.integrate(self.scaled, 0.0, 1.0, (y0,))[0]

    def scaled(self, s: float, state: State) -> State:
        """Return dy/ds of each member."""
        return (beside(self.duration(), state[0]) * self.dynamics(self.told(s), state[0]),)

    def duration(self) -> Any:
        """Return the length of the interval of each member."""
        return self.t1 - self.t0

    def told(self, s: float) -> Any:
        """Return the time of each member, which the field is told."""
        return self.t0 + s * self.duration()


class MemberAdaptive(AdaptiveBackprop):
    """Dormand and Prince's pair over s from 0 to 1 with t = t0 + s (t1 - t0) of each member."""

    supports: ClassVar[frozenset[str]] = _SUPPORTS

    def solve(self, y0: Tensor) -> Tensor:
        """Return y1; autograd records it unless the caller disables that."""
        return self.integrate(self.scaled, 0.0, 1.0, (y0,))[0]

    def scaled(self, s: float, state: State) -> State:
        """Return dy/ds of each member."""
        t = self.t0 + s * self.duration()
        return (beside(self.duration(), state[0]) * self.dynamics(t, state[0]),)

    def duration(self) -> Any:
        """Return the length of the interval of each member."""
        return self.t1 - self.t0


class MemberOutputs(BackpropRK4):
    """RK4 from each output time of a member to its next one, in as many steps for all members."""

    supports: ClassVar[frozenset[str]] = _SUPPORTS | {TIME_GRADIENTS}
    output_times: ClassVar[bool] = True

    def solve(self, y0: Tensor) -> Tensor:
        """Return the states at all output times, times first."""
        ts = self.of_members(self.times)
        ys = [y0]
        for k in range(ts.shape[-1] - 1):
            ys.append(self.part(ts[..., k], ts[..., k + 1], ts[..., -1] - ts[..., 0], ys[-1]))
        return torch.stack(ys)

    def of_members(self, ts: Tensor) -> Tensor:
        """Return the output times, of shape (T,) or (B, T)."""
        return ts

    def part(self, start: Tensor, end: Tensor, whole: Tensor, y: Tensor) -> Tensor:
        """Return the states at the end of a part of the interval of each member."""
        share = float(((end - start) / whole).detach().max())
        n = max(1, math.ceil(self.n_steps * share - 1e-9))
        state: State = (y,)

        def scaled(s: float, state: State) -> State:
            return (beside(end - start, y) * self.dynamics(start + s * (end - start), state[0]),)

        for i in range(n):
            state = self.step(scaled, i / n, 1 / n, state)
        return state[0]


class MemberAdjoint(ByAdjoint, MemberSteps):
    """The continuous adjoint over s from 1 to 0, with gradients for both ends of each interval."""

    def __call__(self, y0: Tensor) -> Tensor:
        """Return y1, with the adjoint as its gradient function."""
        ends = tuple(torch.as_tensor(t, dtype=torch.float64) for t in (self.t0, self.t1))
        y1: Tensor = _SolveMembers.apply(self, y0, *ends, *self.params)  # type: ignore[no-untyped-call]
        return y1

    def backward(self, state: State) -> State:
        """Return the augmented state at t0."""
        self.require_same_parameters()
        return self.integrate(self.augmented, 1.0, 0.0, state)

    def augmented(self, t: float, state: State) -> State:
        """Return the right-hand side of the augmented equation: all of it is scaled by member."""
        y, a, *_ = state
        dy, *pulled = self.vjp(self.told(t), y, self.weighted(a))
        return (beside(self.duration(), y) * dy, *(-v for v in pulled))

    def weighted(self, a: Tensor) -> Tensor:
        """Return the adjoint of each member times the length of its interval."""
        weighted: Tensor = beside(self.duration(), a) * a
        return weighted

    def of_ends(self, y0: Tensor, y1: Tensor, arriving: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients with respect to t0 and t1, of each member: <a, f> at both ends."""
        start = -(arriving * self.dynamics(self.t0, y0)).sum(-1)
        end = (cotangent * self.dynamics(self.t1, y1)).sum(-1)
        return start, end


class _SolveMembers(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, layer: MemberAdjoint, y0: Tensor, t0: Tensor, t1: Tensor, *_params: Tensor
    ) -> Tensor:
        ctx.layer = layer
        y1 = layer.solve(y0)
        ctx.save_for_backward(y0, y1, t0, t1)
        return y1

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        layer, (y0, y1, t0, _) = ctx.layer, ctx.saved_tensors
        with torch.no_grad():
            a, *sums = layer.pullback(y1, cotangent)
            ends = layer.of_ends(y0, y1, a, cotangent) if any(ctx.needs_input_grad[2:4]) else (None, None)
            times = (g if g is None or t0.ndim else g.sum() for g in ends)
        return (None, *layer.guarded((a, *times, *sums)))
