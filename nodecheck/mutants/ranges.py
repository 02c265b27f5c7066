"""Mutants that are right for usual sizes, times and magnitudes, and wrong for others."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import torch
from torch import Tensor

from nodecheck.mutants.families import AdjointRK4, BackpropRK4, Field, State
from nodecheck.mutants.mutant import Mutant, mutant

Gradients = tuple[Tensor | None, ...]


class BatchOfOneHalved(AdjointRK4):
    """For a batch of one the gradients of the parameters are halved."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        a0, *pulled = super().pullback(y1, cotangent)
        return (a0, *(g / 2 if g is not None and len(y1) == 1 else g for g in pulled))


class ColumnAveraged(BackpropRK4):
    """A state of one component is treated as a batch, and its slopes are averaged."""

    def field(self, t: float, state: State) -> State:
        (dy,) = super().field(t, state)
        return (dy.mean(0, keepdim=True).expand_as(dy) if dy.shape[1] == 1 else dy,)


class LargeBatchCoupled(BackpropRK4):
    """For 17 or more members, the slopes of all of them are moved by 0.1 % towards their mean."""

    def field(self, t: float, state: State) -> State:
        (dy,) = super().field(t, state)
        return (dy + 1e-3 * (dy.mean(0) - dy) if len(dy) > 16 else dy,)


class WideStateDetached(BackpropRK4):
    """For nine or more components, the state of each step is detached."""

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        wide = state[0].shape[-1] > 8
        return super().step(field, t, h, tuple(x.detach() for x in state) if wide else state)


class FirstSixParameters(AdjointRK4):
    """Only the first six parameters get a gradient."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        pulled = super().pullback(y1, cotangent)
        return (*pulled[:7], *(None for _ in pulled[7:]))


class ThreeAxesDropped(AdjointRK4):
    """Parameters of more than two axes get zeros."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        pulled = super().pullback(y1, cotangent)
        return tuple(torch.zeros_like(g) if g is not None and g.ndim > 2 else g for g in pulled)


class NegativeTimesAtZero(AdjointRK4):
    """The backward pass replaces negative times by zero."""

    def adjoint_time(self, t: float) -> float:
        return max(t, 0.0)


class TimeUnsigned(BackpropRK4):
    """The field is evaluated at |t|."""

    def stage_time(self, t: float, node: float, h: float) -> float:
        return abs(super().stage_time(t, node, h))


class LateTimesCapped(AdjointRK4):
    """The field is never evaluated later than at t = 3."""

    def stage_time(self, t: float, node: float, h: float) -> float:
        return min(super().stage_time(t, node, h), 3.0)


class StepCapped(BackpropRK4):
    """A step is never longer than one unit of time."""

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        return super().step(field, t, max(-1.0, min(h, 1.0)), state)


class StateClamped(BackpropRK4):
    """After every step the state is clamped to [-100, 100]."""

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        return tuple(x.clamp(-100, 100) for x in super().step(field, t, h, state))


class StagesClamped(BackpropRK4):
    """The state at every stage is clamped to [-100, 100]."""

    def field(self, t: float, state: State) -> State:
        return super().field(t, tuple(x.clamp(-100, 100) for x in state))


RANGES: tuple[Mutant, ...] = (
    mutant(BatchOfOneHalved, "scalar_or_size1_state", "other-sizes"),
    mutant(ColumnAveraged, "scalar_or_size1_state", "other-sizes"),
    mutant(LargeBatchCoupled, "size_dependent_code_path", "other-sizes"),
    mutant(WideStateDetached, "size_dependent_code_path", "other-sizes"),
    mutant(FirstSixParameters, "wrong_number_of_returned_grads", "other-sizes"),
    mutant(ThreeAxesDropped, "unused_param_wrong_shape", "other-sizes"),
    mutant(NegativeTimesAtZero, "adjoint_init_outside_domain", "other-units"),
    mutant(TimeUnsigned, "field_queried_outside_domain", "other-units"),
    mutant(LateTimesCapped, "field_queried_outside_domain", "other-units"),
    mutant(StepCapped, "option_silently_ignored", "other-units"),
    mutant(StateClamped, "nan_input_masked", "other-units"),
    mutant(StagesClamped, "nan_input_masked", "other-units"),
)
