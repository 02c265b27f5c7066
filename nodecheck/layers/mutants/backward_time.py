"""Mutants whose backward pass runs over the wrong times, or over too few steps."""

# ruff: noqa: ARG002, D102
# An override keeps the signature of its base, and the docstring of the class says what is wrong with it.

from __future__ import annotations

from nodecheck.layers.mutants.families import AdjointRK4, BackpropEuler, ByAdjoint, State
from nodecheck.layers.mutants.mutant import Mutant, mutant


class TimeReversed(AdjointRK4):
    """The backward pass runs through the times from t0 to t1."""

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


class NodeMismatch(BackpropEuler, ByAdjoint):
    """Euler takes its Jacobians at the start of a step forward, and at its end backward."""


BACKWARD_TIME: tuple[Mutant, ...] = (
    mutant(TimeReversed, "adjoint_wrong_times", "gradient-order"),
    mutant(TimeFrozenAtEnd, "adjoint_wrong_times", "gradient-order"),
    mutant(TimeFrozenAtStart, "adjoint_wrong_times", "gradient-order"),
    mutant(TimeShifted, "adjoint_wrong_times", "gradient-order"),
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
    mutant(NodeMismatch, "adjoint_node_mismatch", "finite-differences", "taylor-remainder"),
)
