"""Mutants that mix up the members of the batch where each has an interval of its own."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

from typing import Any

from torch import Tensor

from nodecheck.mutants.families import State
from nodecheck.mutants.member_families import (
    MemberAdaptive,
    MemberAdjoint,
    MemberOutputs,
    MemberSteps,
    beside,
)
from nodecheck.mutants.mutant import Mutant, mutant


def of_members(times: Any) -> bool:
    """Return True if there is one time for each member of the batch."""
    return isinstance(times, Tensor) and times.ndim > 0


class DurationsAveraged(MemberSteps):
    """The lengths of the members' intervals are averaged over the batch."""

    def duration(self) -> Any:
        own = super().duration()
        return own.mean().expand_as(own) if of_members(own) else own


class LongestIntervalForAll(MemberSteps):
    """Members that have arrived go on until the one with the longest interval has."""

    def duration(self) -> Any:
        own = super().duration()
        return own[own.detach().abs().argmax()].expand_as(own) if of_members(own) else own


class DirectionOfMembersIgnored(MemberSteps):
    """Time runs forwards for all members, also for those whose t1 is before t0."""

    def duration(self) -> Any:
        own = super().duration()
        return own.abs() if of_members(own) else own


class FirstTimeToldToAll(MemberSteps):
    """The field is told the time of the first member, and steps have the right sizes."""

    def told(self, s: float) -> Any:
        own = super().told(s)
        return own[0] if of_members(own) else own


class AdjointOfAnotherLength(MemberAdjoint):
    """The adjoint of each member is scaled with the length of another's interval."""

    def weighted(self, a: Tensor) -> Tensor:
        own = self.duration()
        return beside(own.roll(1), a) * a if of_members(own) else super().weighted(a)


class LengthOutsideTheSum(MemberAdjoint):
    """The gradient of parameters is summed over the batch, and then scaled with the mean length."""

    def augmented(self, t: float, state: State) -> State:
        own = self.duration()
        if not of_members(own):
            return super().augmented(t, state)
        y, a, *_ = state
        dy, pulled, *sums = self.vjp(self.told(t), y, a)
        column = beside(own, y)
        return (column * dy, -column * pulled, *(-own.mean() * v for v in sums))


class TimesSummedOverTheBatch(MemberAdjoint):
    """The gradients of t0 and t1 are summed over the batch, and given to every member."""

    def of_ends(self, y0: Tensor, y1: Tensor, arriving: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor]:
        start, end = super().of_ends(y0, y1, arriving, cotangent)
        return start.sum().expand_as(start), end.sum().expand_as(end)


class TimesOfOneShape(MemberAdjoint):
    """The gradients of t0 and t1 have shape (), and autograd refuses them."""

    def of_ends(self, y0: Tensor, y1: Tensor, arriving: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor]:
        start, end = super().of_ends(y0, y1, arriving, cotangent)
        return start.sum(), end.sum()


class OutputTimesOfTheFirst(MemberOutputs):
    """The output times of the first member are taken for those of all."""

    def of_members(self, ts: Tensor) -> Tensor:
        return ts[:1].expand_as(ts) if ts.ndim > 1 else ts


class AdaptiveDurationsAveraged(MemberAdaptive):
    """The lengths of the members' intervals are averaged over the batch, by an adaptive layer."""

    def duration(self) -> Any:
        own = super().duration()
        return own.mean().expand_as(own) if of_members(own) else own


MEMBERS: tuple[Mutant, ...] = (
    mutant(DurationsAveraged, "member_durations_averaged", "member-times"),
    mutant(LongestIntervalForAll, "member_mask_forgotten", "member-times"),
    mutant(DirectionOfMembersIgnored, "member_direction_ignored", "member-times"),
    mutant(FirstTimeToldToAll, "member_time_of_first", "member-times"),
    mutant(AdjointOfAnotherLength, "member_adjoint_wrong_length", "member-times"),
    mutant(LengthOutsideTheSum, "member_length_outside_sum", "member-times"),
    mutant(TimesSummedOverTheBatch, "member_time_gradient_summed", "member-times"),
    mutant(TimesOfOneShape, "member_time_gradient_raises", "member-times"),
    mutant(OutputTimesOfTheFirst, "member_outputs_of_first", "member-times"),
    mutant(AdaptiveDurationsAveraged, "member_durations_averaged_adaptive", "member-times"),
)
