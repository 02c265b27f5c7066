"""Mutants with output times: states that belong elsewhere, and cotangents that do not arrive."""

# ruff: noqa: ARG002, D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nodecheck.mutants.families import State
from nodecheck.mutants.mutant import Mutant, mutant
from nodecheck.mutants.output_families import AdjointAtOutputs, AtSteps, Interpolated


class JumpsForgotten(AdjointAtOutputs):
    """The adjoint starts with the last cotangent, and the others are dropped."""

    def jump(self, cotangent: Tensor, k: int) -> Tensor:
        return cotangent[k] if k == len(self.ts) - 1 else torch.zeros_like(cotangent[k])


class JumpAtStartForgotten(AdjointAtOutputs):
    """The cotangent of ys[0], which is y0, is dropped."""

    def jump(self, cotangent: Tensor, k: int) -> Tensor:
        return cotangent[k] if k else torch.zeros_like(cotangent[k])


class JumpDoubled(AdjointAtOutputs):
    """The last cotangent is the start of the adjoint, and jumps in once more."""

    def jump(self, cotangent: Tensor, k: int) -> Tensor:
        return 2 * cotangent[k] if k == len(self.ts) - 1 else cotangent[k]


class JumpsReversed(AdjointAtOutputs):
    """Cotangents are walked through from the first to the last while time runs back."""

    def jump(self, cotangent: Tensor, k: int) -> Tensor:
        return cotangent[len(self.ts) - 1 - k]


class JumpOnTheWrongSide(AdjointAtOutputs):
    """The cotangent of an output is added after the part before it has been solved back."""

    def jump(self, cotangent: Tensor, k: int) -> Tensor:
        last = len(self.ts) - 1
        if k == 0:
            return cotangent[0] + cotangent[1]
        return torch.zeros_like(cotangent[k]) if k == last else cotangent[k + 1]


class RestartedFromTheEnd(AdjointAtOutputs):
    """Every part is solved back from the last state."""

    def start(self, ys: Tensor, k: int) -> Tensor:
        return ys[-1]


class BeginsAtTheLastCotangent(AdjointAtOutputs):
    """The backward pass begins at the last output that is in the loss, and from the state at t1."""

    def start(self, ys: Tensor, k: int) -> Tensor:
        return ys[-1] if k == self.last else ys[k]

    def pullback(self, y1: Tensor, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        in_loss = cotangent.flatten(1).any(1).nonzero().flatten().tolist()
        self.last = max(in_loss, default=0)
        return super().pullback(y1, cotangent)


class StraightBetweenSteps(Interpolated):
    """States between two steps lie on the straight line between those at their ends."""

    def interpolate(self, left: State, right: State, part: float, t: float, h: float) -> Tensor:
        return (1 - part) * left[0] + part * right[0]


class SlopeOfTheLeftEnd(Interpolated):
    """The slope at the left end of a step is taken for that at its right end, too."""

    def interpolate(self, left: State, right: State, part: float, t: float, h: float) -> Tensor:
        (a,), (b,) = left, right
        (fa,) = self.field(t, left)
        inner = (1 - 2 * part) * (b - a) + h * ((part - 1) * fa + part * fa)
        return (1 - part) * a + part * b + part * (part - 1) * inner


class NearestStep(Interpolated):
    """The state at the nearest step is returned for an output time."""

    def between(self, states: Sequence[State], place: float, h: float) -> Tensor:
        return states[round(place)][0]


class EquallySpaced(AtSteps):
    """Output times are taken for equally spaced ones."""

    def states(self, y0: Tensor, ts: Sequence[float]) -> list[Tensor]:
        return super().states(y0, torch.linspace(ts[0], ts[-1], len(ts), dtype=torch.float64).tolist())


class OutputsReversed(AtSteps):
    """The states come back from the last to the first."""

    def solve(self, y0: Tensor) -> Tensor:
        return super().solve(y0).flip(0)


class EachOutputFromTheStart(AtSteps):
    """The state at each output time is solved for from t0 anew."""

    def states(self, y0: Tensor, ts: Sequence[float]) -> list[Tensor]:
        return [y0, *(self.segment(self.field, ts[0], t, (y0,))[0] for t in ts[1:])]


class StepsBeforeOutputsKept(AdjointAtOutputs):
    """The states of all steps before an output time other than t1 are kept for the backward pass."""

    def segment(self, field: object, start: float, end: float, state: State) -> State:
        if field != self.field or end == self.t1:
            return super().segment(field, start, end, state)
        n = self.steps_of(start, end)
        for i in range(n):
            state = self.step(field, start + (end - start) * i / n, (end - start) / n, state)
            self.kept.append(state)
        return state

    def solve(self, y0: Tensor) -> Tensor:
        self.kept: list[State] = []
        return super().solve(y0)


class OutputsInRisingOrder(AtSteps):
    """The states come back in the rising order of their times, also where output times decrease."""

    def solve(self, y0: Tensor) -> Tensor:
        ys = super().solve(y0)
        return ys if self.t1 > self.t0 else ys.flip(0)


class EulerToOutputs(AtSteps):
    """The last step to an output time before t1 is one of Euler."""

    def segment(self, field: object, start: float, end: float, state: State) -> State:
        if end == self.t1:
            return super().segment(field, start, end, state)
        n = self.steps_of(start, end)
        h = (end - start) / n
        for i in range(n - 1):
            state = self.step(field, start + i * h, h, state)  # type: ignore[arg-type]
        return (state[0] + h * self.field(end - h, state)[0],)


OUTPUTS: tuple[Mutant, ...] = (
    mutant(JumpsForgotten, "output_cotangents_dropped", "output-gradients"),
    mutant(JumpAtStartForgotten, "output_cotangent_at_t0_dropped", "output-gradients"),
    mutant(JumpDoubled, "output_cotangent_doubled", "output-gradients"),
    mutant(JumpsReversed, "output_cotangents_reversed", "output-gradients"),
    mutant(JumpOnTheWrongSide, "output_jump_wrong_side", "output-gradients"),
    mutant(RestartedFromTheEnd, "output_restart_wrong_state", "output-gradients"),
    mutant(BeginsAtTheLastCotangent, "output_loss_on_some", "cotangent-linearity"),
    mutant(StraightBetweenSteps, "output_linear_interpolation", "output-states"),
    mutant(SlopeOfTheLeftEnd, "output_hermite_wrong_slope", "output-states"),
    mutant(NearestStep, "output_nearest_step", "output-times"),
    mutant(EquallySpaced, "output_times_ignored", "output-times"),
    mutant(OutputsReversed, "outputs_reversed", "adapter"),
    mutant(EachOutputFromTheStart, "output_memory_per_step", "memory-law"),
    mutant(StepsBeforeOutputsKept, "output_memory_per_step", "memory-law"),
    mutant(OutputsInRisingOrder, "outputs_reversed", "output-times", "output-states"),
    mutant(EulerToOutputs, "output_step_of_lower_order", "output-times", "output-states"),
)
