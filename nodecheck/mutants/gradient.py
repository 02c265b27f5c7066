"""Mutants whose adjoint equation, or what is made of its solution, is wrong; their forward pass is right."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class says what is wrong with it.

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from nodecheck.mutants.families import EULER, AdjointEuler, AdjointRK4, BackpropRK4, Field, State, advance
from nodecheck.mutants.mutant import Mutant, mutant

Gradients = tuple[Tensor | None, ...]


class WrongSign(AdjointRK4):
    """The gradients of the parameters have the wrong sign."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        return (y, a, *(-g for g in pulled))


class FactorTwo(AdjointRK4):
    """Every gradient is twice as large."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return super().pullback(y1, 2 * cotangent)


class FactorStep(AdjointRK4):
    """The parameter integral is multiplied by the step once too often."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        return (y, a, *(g * (self.t1 - self.t0) / self.n_steps for g in pulled))


class FactorDuration(AdjointRK4):
    """The parameter integral is multiplied by the length of the interval."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        return (y, a, *(g * (self.t1 - self.t0) for g in pulled))


class MeanOverBatch(AdjointRK4):
    """The gradients of the parameters are averaged over the batch, not summed."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        return (y, a, *(g / len(y) for g in pulled))


class FirstMemberOnly(AdjointRK4):
    """The gradients of the parameters come from the first member of the batch alone."""

    def vjp(self, t: float, y: Tensor, a: Tensor) -> State:
        dy, pulled, *_ = super().vjp(t, y, a)
        first = torch.zeros_like(a)
        first[0] = a[0]
        return (dy, pulled, *super().vjp(t, y, first)[2:])


class OneGroupMissing(AdjointRK4):
    """The last parameter gets no gradient."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return (
            (*super().pullback(y1, cotangent)[:-1], None) if self.params else super().pullback(y1, cotangent)
        )


class OneGroupZero(AdjointRK4):
    """The gradient of the last parameter is zero."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        return (y, a, *pulled[:-1], *(torch.zeros_like(g) for g in pulled[-1:]))


class OneEntryZero(AdjointRK4):
    """The first entry of the first parameter's gradient is zero."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        for g in pulled[:1]:
            g.view(-1)[0] = 0.0
        return (y, a, *pulled)


class OnePercentOff(AdjointRK4):
    """The gradient of the first parameter is too large by one percent."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        return (y, a, *(1.01 * g for g in pulled[:1]), *pulled[1:])


class GroupsPermuted(AdjointRK4):
    """Two parameters of the same shape get each other's gradient."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        pairs = itertools.combinations(range(len(pulled)), 2)
        alike = ((i, j) for i, j in pairs if pulled[i].shape == pulled[j].shape)
        for i, j in itertools.islice(alike, 1):
            pulled[i], pulled[j] = pulled[j], pulled[i]
        return (y, a, *pulled)


class TransposedJacobian(AdjointRK4):
    """The adjoint is multiplied by the Jacobian, not by its transpose."""

    def vjp(self, t: float, y: Tensor, a: Tensor) -> State:
        dy, _, *pulled = super().vjp(t, y, a)
        with torch.enable_grad():
            pushed = torch.autograd.functional.jvp(lambda x: self.dynamics(t, x), y, a)[1]  # type: ignore[no-untyped-call]
        return (dy, pushed.detach(), *pulled)


class AdjointConstant(AdjointRK4):
    """The adjoint is not propagated: it stays what it was at t1."""

    def augmented(self, t: float, state: State) -> State:
        dy, da, *pulled = super().augmented(t, state)
        return (dy, torch.zeros_like(da), *pulled)


class StraightThrough(AdjointRK4):
    """The gradient of y0 is the cotangent; the parameters are treated rightly."""

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
    """The backward pass starts from ones, whatever arrives."""

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
    """The backward pass lets the state run on beyond t1, not back to t0."""

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


GRADIENT: tuple[Mutant, ...] = (
    mutant(WrongSign, "adjoint_sign_or_transpose", "constant-field-gradient", "gradient-order"),
    mutant(FactorTwo, "accumulation_not_additive", "constant-field-gradient", "gradient-order"),
    mutant(FactorStep, "adjoint_sign_or_transpose", "constant-field-gradient", "gradient-order"),
    mutant(FactorDuration, "adjoint_sign_or_transpose", "constant-field-gradient", "gradient-order"),
    mutant(MeanOverBatch, "accumulation_not_additive", "constant-field-gradient", "gradient-order"),
    mutant(FirstMemberOnly, "size_dependent_code_path", "constant-field-gradient", "gradient-order"),
    mutant(OneGroupMissing, "closure_params_missing", "gradient-completeness"),
    mutant(OneGroupZero, "unused_param_wrong_shape", "constant-field-gradient", "gradient-order"),
    mutant(OneEntryZero, "unused_param_wrong_shape", "constant-field-gradient", "gradient-order"),
    mutant(OnePercentOff, "adjoint_sign_or_transpose", "constant-field-gradient", "gradient-order"),
    mutant(GroupsPermuted, "wrong_number_of_returned_grads", "gradient-order"),
    mutant(TransposedJacobian, "adjoint_sign_or_transpose", "gradient-order"),
    mutant(AdjointConstant, "adjoint_sign_or_transpose", "gradient-order"),
    mutant(StraightThrough, "encoder_gradient_missing", "gradient-order"),
    mutant(FinalAdjointForParameters, "adjoint_wrong_times", "gradient-order"),
    mutant(
        CotangentIgnored,
        "non_contiguous_cotangent",
        "zero-cotangent",
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
