"""Mutants with a wrong adjoint equation, or a wrong initial value for it; their forward pass is right."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import torch
from torch import Tensor

from nodecheck.mutants.families import EULER, AdjointEuler, AdjointRK4, BackpropRK4, Field, State, advance
from nodecheck.mutants.mutant import Mutant, mutant

Gradients = tuple[Tensor | None, ...]


class TransposedJacobian(AdjointRK4):
    """The adjoint is multiplied by the Jacobian, not by its transpose."""

    def vjp(self, t: float, y: Tensor, a: Tensor) -> State:
        dy, _, *pulled = super().vjp(t, y, a)
        with torch.enable_grad():
            pushed = torch.autograd.functional.jvp(lambda x: self.dynamics(t, x), y, a)[1]  # type: ignore[no-untyped-call]
        return (dy, pushed.detach(), *pulled)


class AdjointConstant(AdjointRK4):
    """The adjoint is not propagated: it keeps its value at t1."""

    def augmented(self, t: float, state: State) -> State:
        dy, da, *pulled = super().augmented(t, state)
        return (dy, torch.zeros_like(da), *pulled)


class StraightThrough(AdjointRK4):
    """The gradient of y0 is the cotangent; the gradients of the parameters are right."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return (cotangent, *super().pullback(y1, cotangent)[1:])


class FinalAdjointForParameters(AdjointRK4):
    """The parameter integral uses the adjoint at t1 throughout."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        self.final = cotangent
        return super().pullback(y1, cotangent)

    def vjp(self, t: float, y: Tensor, a: Tensor) -> State:
        return (*super().vjp(t, y, a)[:2], *super().vjp(t, y, self.final)[2:])


class CotangentIgnored(AdjointRK4):
    """The backward pass starts from ones instead of the cotangent."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return super().pullback(y1, torch.ones_like(cotangent))


class CotangentClipped(AdjointRK4):
    """The incoming cotangent is clipped to [-1/2, 1/2]."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return super().pullback(y1, cotangent.clamp(-0.5, 0.5))


class CotangentThroughFloat32(BackpropRK4):
    """The incoming cotangent passes through float32."""

    def __call__(self, y0: Tensor) -> Tensor:
        y1 = super().__call__(y0)
        if y1.requires_grad:
            y1.register_hook(lambda cotangent: cotangent.float().to(cotangent))  # type: ignore[no-untyped-call]
        return y1


class AdjointCotangentThroughFloat32(AdjointRK4):
    """The incoming cotangent of the adjoint passes through float32."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return super().pullback(y1, cotangent.float().to(cotangent))


class AdjointCotangentThroughBfloat16(AdjointRK4):
    """The incoming cotangent of the adjoint passes through bfloat16."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return super().pullback(y1, cotangent.bfloat16().to(cotangent))


class FrozenState(AdjointRK4):
    """The backward pass evaluates the field at y1 throughout."""

    def augmented(self, t: float, state: State) -> State:
        dy, *pulled = super().augmented(t, state)
        return (torch.zeros_like(dy), *pulled)


class StateRunsOn(AdjointRK4):
    """The backward pass integrates the state onward beyond t1, not back to t0."""

    def augmented(self, t: float, state: State) -> State:
        dy, *pulled = super().augmented(t, state)
        return (-dy, *pulled)


class RiemannSum(AdjointRK4):
    """State and adjoint are advanced by RK4, the parameter integral by a one-sided Riemann sum."""

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        by_euler = advance(state, h, EULER.b, self.stages(field, t, h, state))
        return (*super().step(field, t, h, state)[:2], *by_euler[2:])


class EulerBackward(AdjointRK4):
    """The backward pass takes Euler steps."""

    def backward(self, state: State) -> State:
        return AdjointEuler(self.dynamics, self.t0, self.t1, self.n_steps).backward(state)


ADJOINT_EQUATION: tuple[Mutant, ...] = (
    mutant(TransposedJacobian, "adjoint_sign_or_transpose", "gradient-order"),
    mutant(AdjointConstant, "adjoint_sign_or_transpose", "gradient-order"),
    mutant(StraightThrough, "encoder_gradient_missing", "gradient-order"),
    mutant(FinalAdjointForParameters, "adjoint_wrong_times", "gradient-order"),
    mutant(
        CotangentIgnored,
        "non_contiguous_cotangent",
        "cotangent-linearity",
        "gradient-order",
    ),
    mutant(CotangentClipped, "backward_blowup_finite_forward", "cotangent-linearity", "gradient-order"),
    mutant(
        CotangentThroughFloat32,
        "low_precision_state_accumulation",
        "constant-field-gradient",
        "gradient-class",
        "finite-differences",
        "backprop-agreement",
    ),
    mutant(AdjointCotangentThroughFloat32, "low_precision_state_accumulation", "constant-field-gradient"),
    mutant(
        AdjointCotangentThroughBfloat16,
        "low_precision_state_accumulation",
        "constant-field-gradient",
        "gradient-order",
    ),
    mutant(FrozenState, "reverse_reconstruction_drift", "gradient-order"),
    mutant(StateRunsOn, "reverse_reconstruction_drift", "gradient-order"),
    mutant(RiemannSum, "known_bad_solver_adjoint_pair", "gradient-order"),
    mutant(EulerBackward, "backward_options_not_forwarded", "gradient-order"),
)
