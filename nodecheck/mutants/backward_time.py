"""Mutants with wrong times or too few steps in the backward pass, or wrong only where t1 < t0."""

# ruff: noqa: ARG002, D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

from nodecheck.mutants.families import (
    EULER,
    AdjointEuler,
    AdjointRK4,
    BackpropEuler,
    BackpropRK4,
    ByAdjoint,
    Field,
    State,
    advance,
)
from nodecheck.mutants.mutant import Mutant, mutant


class TimeReversed(AdjointRK4):
    """The backward pass uses the times in the order from t0 to t1."""

    def adjoint_time(self, t: float) -> float:
        return self.t0 + (self.t1 - t)


class TimeFrozenAtEnd(AdjointRK4):
    """The backward pass evaluates the field at t1 throughout."""

    def adjoint_time(self, t: float) -> float:
        return self.t1


class TimeFrozenAtStart(AdjointRK4):
    """The backward pass evaluates the field at t0 throughout."""

    def adjoint_time(self, t: float) -> float:
        return self.t0


class TimeShifted(AdjointRK4):
    """The backward pass evaluates the field one step too late."""

    def adjoint_time(self, t: float) -> float:
        return t + (self.t1 - self.t0) / self.n_steps


class BackwardTimesShifted(AdjointEuler):
    """The backward pass is told the times of a grid that ends a thousandth of the interval after t0."""

    def adjoint_time(self, t: float) -> float:
        return t + 1e-3 * (self.t1 - t)


class LastBackwardStepMissing(AdjointRK4):
    """The backward pass stops one step before t0."""

    def backward(self, state: State) -> State:
        h = (self.t0 - self.t1) / self.n_steps
        for i in range(self.n_steps - 1):
            state = self.step(self.augmented, self.t1 + i * h, h, state)
        return state


class FirstBackwardStepMissing(AdjointRK4):
    """The backward pass starts one step before t1."""

    def backward(self, state: State) -> State:
        h = (self.t0 - self.t1) / self.n_steps
        for i in range(1, self.n_steps):
            state = self.step(self.augmented, self.t1 + i * h, h, state)
        return state


class OddNumberOfStepsShort(AdjointRK4):
    """For an odd number of steps the parameter integral lacks the first step of the backward pass."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        if not self.n_steps % 2:
            return (y, a, *pulled)
        h = (self.t0 - self.t1) / self.n_steps
        first = self.step(self.augmented, self.t1, h, state)[2:]
        return (y, a, *(g - part for g, part in zip(pulled, first, strict=True)))


class ReverseTimeSign(AdjointRK4):
    """For t1 < t0 the gradients of the parameters have the wrong sign."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        return (y, a, *(g if self.t0 < self.t1 else -g for g in pulled))


class ReverseTimeDetached(BackpropRK4):
    """For t1 < t0 the state is detached in every step."""

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        return super().step(field, t, h, state if h > 0 else tuple(x.detach() for x in state))


class ReverseTimeByEuler(BackpropRK4):
    """For t1 < t0 the steps are those of Euler's method."""

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        if h > 0:
            return super().step(field, t, h, state)
        return advance(state, h, EULER.b, [field(t, state)])


class NodeMismatch(BackpropEuler, ByAdjoint):
    """Euler's method has its Jacobians at the start of a step forward, and at its end backward."""


BACKWARD_TIME: tuple[Mutant, ...] = (
    mutant(TimeReversed, "adjoint_wrong_times", "gradient-order"),
    mutant(TimeFrozenAtEnd, "adjoint_wrong_times", "gradient-order"),
    mutant(TimeFrozenAtStart, "adjoint_wrong_times", "gradient-order"),
    mutant(TimeShifted, "adjoint_wrong_times", "gradient-order"),
    mutant(BackwardTimesShifted, "adjoint_wrong_times", "evaluation-times"),
    mutant(
        LastBackwardStepMissing,
        "backward_solver_failure_ignored",
        "constant-field-gradient",
        "gradient-order",
    ),
    mutant(
        FirstBackwardStepMissing,
        "initial_time_cotangent_missing",
        "constant-field-gradient",
        "gradient-order",
    ),
    mutant(OddNumberOfStepsShort, "last_partial_step_wrong", "gradient-order"),
    mutant(ReverseTimeSign, "reverse_time_broken", "gradient-order"),
    mutant(ReverseTimeDetached, "reverse_time_broken", "gradient-order"),
    mutant(ReverseTimeByEuler, "reverse_time_broken", "forward-order"),
    mutant(NodeMismatch, "adjoint_node_mismatch", "finite-differences", "gradient-class"),
)
