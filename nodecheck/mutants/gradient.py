"""Mutants whose adjoint equation is right, and whose gradients are wrong by a factor, a sign or an entry."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from nodecheck.mutants.families import AdjointRK4, State
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
    """The gradients of two parameters of the same shape are exchanged."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        pairs = itertools.combinations(range(len(pulled)), 2)
        alike = ((i, j) for i, j in pairs if pulled[i].shape == pulled[j].shape)
        for i, j in itertools.islice(alike, 1):
            pulled[i], pulled[j] = pulled[j], pulled[i]
        return (y, a, *pulled)


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
)
