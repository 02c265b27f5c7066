"""Mutants of second order: kicks, drifts and velocities that are forgotten or out of place."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import torch
from torch import Tensor

from nodecheck.mutants.families import Field, State
from nodecheck.mutants.mechanics_families import (
    KickDriftByHand,
    Leapfrog,
    NystroemMidpoint,
    SymplecticEuler,
)
from nodecheck.mutants.mutant import Mutant, mutant


class OneDriftTooMany(SymplecticEuler):
    """After the last step the positions drift once more."""

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        q, v = super().integrate(field, start, end, state)
        return q + (end - start) / self.n_steps * v, v


class LastHalfKickMissing(Leapfrog):
    """The second half of the last kick is left out."""

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        q, v = super().integrate(field, start, end, state)
        return q, v - (end - start) / self.n_steps / 2 * field(end, (q, v))[0]


class SecondKickAtStart(Leapfrog):
    """The second half of the kick is given the time at the start of the step."""

    def end_of_step(self, t: float, _h: float) -> float:
        return t


class VelocityOfStepStart(NystroemMidpoint):
    """The force in the middle of a step is evaluated with the velocity at its start."""

    def velocity(self, start: Tensor, _half: Tensor) -> Tensor:
        return start


class DriftWithOldVelocity(NystroemMidpoint):
    """Positions drift with the velocity at the start of the step."""

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        return state[0] + h * state[1], super().step(field, t, h, state)[1]


class StartVelocityDetached(Leapfrog):
    """The velocity at t0 is detached."""

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        return super().integrate(field, start, end, (state[0], state[1].detach()))


class VelocityLeftOutOfKick(KickDriftByHand):
    """The adjoint of the kick lacks the term with ∂a/∂v."""

    def before_kick(self, of_v: Tensor, _to_v: Tensor) -> Tensor:
        return of_v


class DriftPulledBackWithMinus(KickDriftByHand):
    """The adjoint of the drift has the opposite sign."""

    def before_drift(self, of_q: Tensor, of_v: Tensor, h: float) -> Tensor:
        return of_v - h * of_q


class HalvesSwappedInGradient(KickDriftByHand):
    """The gradients with respect to q0 and v0 are exchanged."""

    def __call__(self, y0: Tensor) -> Tensor:
        y0 = y0 * 1  # the hook is on a tensor of its own, and not on that of the caller
        if y0.requires_grad:
            y0.register_hook(_exchanged)  # type: ignore[no-untyped-call]
        return super().__call__(y0)


def _exchanged(gradient: Tensor) -> Tensor:
    return torch.cat(gradient.chunk(2, dim=-1)[::-1], dim=-1)


MECHANICS: tuple[Mutant, ...] = (
    mutant(OneDriftTooMany, "grid_off_by_one_step", "constant-field"),
    mutant(LastHalfKickMissing, "last_partial_step_wrong", "constant-field"),
    mutant(SecondKickAtStart, "stage_time_wrong", "forward-order"),
    mutant(VelocityOfStepStart, "tableau_coefficient_typo", "forward-order"),
    mutant(DriftWithOldVelocity, "tableau_coefficient_typo", "forward-order"),
    mutant(StartVelocityDetached, "state_part_lost", "gradient-class"),
    mutant(VelocityLeftOutOfKick, "adjoint_sign_or_transpose", "gradient-class"),
    mutant(DriftPulledBackWithMinus, "adjoint_sign_or_transpose", "constant-field-gradient"),
    mutant(HalvesSwappedInGradient, "state_part_lost", "gradient-class"),
)
