"""Mutants whose gradients with respect to times are wrong, and everything else is right."""

# ruff: noqa: ARG002, D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import torch
from torch import Tensor

from nodecheck.mutants.mutant import Mutant, mutant
from nodecheck.mutants.time_families import AdjointWithTimes, TimedSteps


class StartSignWrong(AdjointWithTimes):
    """The sign of the gradient of t0 is that of t1."""

    def of_start(self, ys: Tensor, arriving: Tensor) -> Tensor:
        return -super().of_start(ys, arriving)


class OutputSignWrong(AdjointWithTimes):
    """The sign of the gradient of every output time but t0 is wrong."""

    def of_output(self, ys: Tensor, cotangent: Tensor, k: int) -> Tensor:
        return -super().of_output(ys, cotangent, k)


class TimeSignWrong(AdjointWithTimes):
    """The sign of the gradients of all times is wrong."""

    def of_times(self, ys: Tensor, cotangent: Tensor, arriving: Tensor) -> Tensor:
        return -super().of_times(ys, cotangent, arriving)


class StartTimeForgotten(AdjointWithTimes):
    """The gradient of t0 is zero."""

    def of_start(self, ys: Tensor, arriving: Tensor) -> Tensor:
        return torch.zeros_like(super().of_start(ys, arriving))


class TimesZero(AdjointWithTimes):
    """The gradients of all times are zero."""

    def of_times(self, ys: Tensor, cotangent: Tensor, arriving: Tensor) -> Tensor:
        return torch.zeros_like(self.times)


class TimesAveraged(AdjointWithTimes):
    """The gradients of times are means over the batch."""

    def of_times(self, ys: Tensor, cotangent: Tensor, arriving: Tensor) -> Tensor:
        return super().of_times(ys, cotangent, arriving) / ys.shape[1]


class StartFromTheEnd(AdjointWithTimes):
    """The gradient of t0 takes the field at t1 and y1."""

    def of_start(self, ys: Tensor, arriving: Tensor) -> Tensor:
        return -(arriving * self.slope(self.ts[-1], ys[-1])).sum()


class StartWithCotangent(AdjointWithTimes):
    """The gradient of t0 takes the cotangent of the last state in place of the adjoint at t0."""

    def of_times(self, ys: Tensor, cotangent: Tensor, arriving: Tensor) -> Tensor:
        return super().of_times(ys, cotangent, cotangent[1:].sum(0))


class OutputsFromTheStart(AdjointWithTimes):
    """The gradients of output times take the field at y0."""

    def of_output(self, ys: Tensor, cotangent: Tensor, k: int) -> Tensor:
        return (cotangent[k] * self.slope(self.ts[k], ys[0])).sum()


class LastTimeAlone(AdjointWithTimes):
    """Of the output times only the last has a gradient."""

    def of_output(self, ys: Tensor, cotangent: Tensor, k: int) -> Tensor:
        found = super().of_output(ys, cotangent, k)
        return found if k == len(self.ts) - 1 else torch.zeros_like(found)


class StartBalancesOthers(AdjointWithTimes):
    """The gradient of t0 is minus the sum of the others, as if the field did not depend on time."""

    def of_times(self, ys: Tensor, cotangent: Tensor, arriving: Tensor) -> Tensor:
        others = super().of_times(ys, cotangent, arriving)[1:]
        return torch.cat([-others.sum()[None], others])


class TimesReversed(AdjointWithTimes):
    """The gradients of times are in the order of the backward pass."""

    def of_times(self, ys: Tensor, cotangent: Tensor, arriving: Tensor) -> Tensor:
        return super().of_times(ys, cotangent, arriving).flip(0)


class PlacesDetached(TimedSteps):
    """Step sizes depend on the times, and the places of the steps are numbers."""

    def place(self, start: Tensor, end: Tensor, share: float) -> Tensor:
        return super().place(start, end, share).detach()


class SizesDetached(TimedSteps):
    """The places of the steps depend on the times, and step sizes are numbers."""

    def size(self, start: Tensor, end: Tensor, n: int) -> Tensor:
        return super().size(start, end, n).detach()


TIMES: tuple[Mutant, ...] = (
    mutant(StartSignWrong, "time_gradient_start_sign", "time-gradients"),
    mutant(OutputSignWrong, "time_gradient_end_sign", "time-gradients"),
    mutant(TimeSignWrong, "time_gradient_sign", "time-gradients"),
    mutant(StartTimeForgotten, "time_gradient_start_zero", "time-gradients"),
    mutant(TimesZero, "time_gradient_zero", "time-gradients"),
    mutant(TimesAveraged, "time_gradient_batch_mean", "time-gradients"),
    mutant(StartFromTheEnd, "time_gradient_wrong_end", "time-gradients"),
    mutant(StartWithCotangent, "time_gradient_no_adjoint", "time-gradients"),
    mutant(OutputsFromTheStart, "time_gradient_wrong_state", "time-gradients"),
    mutant(LastTimeAlone, "time_gradient_last_only", "time-gradients"),
    mutant(StartBalancesOthers, "time_gradient_autonomous", "time-gradients"),
    mutant(TimesReversed, "time_gradient_reversed", "time-gradients"),
    mutant(PlacesDetached, "time_gradient_stage_times_detached", "time-gradients"),
    mutant(SizesDetached, "time_gradient_step_sizes_detached", "time-gradients"),
)
