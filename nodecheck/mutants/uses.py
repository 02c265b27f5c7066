"""Mutants that are right in plain use, and wrong where a model uses the layer in another way."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import copy

import torch
from torch import Tensor

from nodecheck.mutants.families import EULER, AdjointRK4, BackpropRK4, Field, State, advance
from nodecheck.mutants.mutant import Mutant, mutant

Gradients = tuple[Tensor | None, ...]


class DataWithoutGradient(BackpropRK4):
    """Nothing is recorded unless y0 requires a gradient."""

    def __call__(self, y0: Tensor) -> Tensor:
        with torch.set_grad_enabled(y0.requires_grad and torch.is_grad_enabled()):
            return self.solve(y0)


class ComputedStateDetached(BackpropRK4):
    """A y0 that is computed is detached, so that an encoder gets no gradient."""

    def __call__(self, y0: Tensor) -> Tensor:
        return self.solve(y0 if y0.is_leaf else y0.detach())


class StateAssumedContiguous(BackpropRK4):
    """y0 is read from memory row by row, without regard to its strides."""

    def __call__(self, y0: Tensor) -> Tensor:
        return self.solve(torch.as_strided(y0, y0.shape, (y0.shape[1], 1)))


class CotangentAssumedContiguous(AdjointRK4):
    """The cotangent is read from memory row by row, without regard to its strides."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        stored = cotangent.untyped_storage().nbytes() // cotangent.element_size()
        rows = torch.as_strided(cotangent, (stored,), (1,), 0).repeat(cotangent.numel() // stored)
        return super().pullback(y1, rows.view_as(cotangent))


class GradientsNotAdded(AdjointRK4):
    """The backward pass discards the previous content of .grad."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        gradients = super().pullback(y1, cotangent)
        for p in self.params:
            p.grad = None
        return gradients


class SecondBackwardGoesOn(AdjointRK4):
    """A second backward pass starts at t0, where the first one ended."""

    reached: Tensor | None = None

    def __call__(self, y0: Tensor) -> Tensor:
        return AdjointRK4.__call__(copy.copy(self), y0)  # each pass stores its own end

    def backward(self, state: State) -> State:
        start = state[0] if self.reached is None else self.reached
        end = super().backward((start, *state[1:]))
        self.reached = end[0]
        return end


class EvalModeByEuler(BackpropRK4):
    """In eval mode the steps are those of Euler's method."""

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        if self.dynamics.training:
            return super().step(field, t, h, state)
        return advance(state, h, EULER.b, [field(t, state)])


class NoGradByEuler(BackpropRK4):
    """Under torch.no_grad the steps are those of Euler's method."""

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        if torch.is_grad_enabled():
            return super().step(field, t, h, state)
        return advance(state, h, EULER.b, [field(t, state)])


class NoGradInPlace(BackpropRK4):
    """Under no_grad, y0 itself is overwritten with y1."""

    def solve(self, y0: Tensor) -> Tensor:
        y1 = super().solve(y0)
        return y1 if torch.is_grad_enabled() else y0.copy_(y1).clone()


class NoGradIgnored(BackpropRK4):
    """The graph is recorded under torch.no_grad as well."""

    @torch.enable_grad()
    def solve(self, y0: Tensor) -> Tensor:
        return super().solve(y0)


class NoGradResultKept(AdjointRK4):
    """Under torch.no_grad the last result is returned again for the same y0, even with other parameters."""

    kept: tuple[Tensor, Tensor] | None = None

    def __call__(self, y0: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().__call__(y0)
        if self.kept is None or not torch.equal(self.kept[0], y0):
            self.kept = (y0.clone(), self.solve(y0))
        return self.kept[1].clone()


class StateKnownBySum(AdjointRK4):
    """The last result is returned again for a y0 of the same sum, while the parameters stay the same."""

    known: tuple[object, Tensor] | None = None

    def solve(self, y0: Tensor) -> Tensor:
        key = (round(float(y0.detach().sum()), 9), y0.shape, [p._version for p in self.params])
        if self.known is None or self.known[0] != key:
            self.known = (key, super().solve(y0))
        return self.known[1].clone()


class NanReplacedInState(BackpropRK4):
    """NaN in y1 is replaced by 0."""

    def __call__(self, y0: Tensor) -> Tensor:
        return self.solve(y0).nan_to_num()


class NanReplacedInGradient(AdjointRK4):
    """NaN in a gradient is replaced by 0."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return tuple(None if g is None else g.nan_to_num() for g in super().pullback(y1, cotangent))


class GradientInWorkspace(AdjointRK4):
    """The gradient of y0 is returned in a buffer that the next backward pass overwrites."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        first, *others = super().pullback(y1, cotangent)
        if first is None:
            return (first, *others)
        if not hasattr(self, "workspace"):
            self.workspace = torch.empty_like(first)
        return (self.workspace.copy_(first), *others)


class GradReturnedAgain(AdjointRK4):
    """What is in the .grad of a parameter is returned with its gradient, and so added twice."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        first, *others = super().pullback(y1, cotangent)
        held = (p.grad for p in self.params)
        return (first, *(g if g is None or h is None else g + h for g, h in zip(others, held, strict=True)))


class GradWritten(AdjointRK4):
    """The gradients of the parameters are added to their .grad by the backward pass itself."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        first, *others = super().pullback(y1, cotangent)
        for p, g in zip(self.params, others, strict=True):
            p.grad = g if p.grad is None or g is None else p.grad + g
        return (first, *(None for _ in others))


USES: tuple[Mutant, ...] = (
    mutant(DataWithoutGradient, "encoder_gradient_missing", "other-uses"),
    mutant(ComputedStateDetached, "encoder_gradient_missing", "other-uses"),
    mutant(StateAssumedContiguous, "non_contiguous_cotangent", "other-uses"),
    mutant(CotangentAssumedContiguous, "non_contiguous_cotangent", "other-uses"),
    mutant(GradientsNotAdded, "accumulation_not_additive", "other-uses"),
    mutant(SecondBackwardGoesOn, "second_backward_fails", "other-uses"),
    mutant(EvalModeByEuler, "mode_name_misleading", "other-uses"),
    mutant(NoGradByEuler, "inference_mode", "other-uses"),
    mutant(NoGradInPlace, "input_mutated", "other-uses"),
    mutant(NoGradIgnored, "inference_mode", "other-uses"),
    mutant(NoGradResultKept, "stale_cache_after_first_call", "repeated-use"),
    mutant(StateKnownBySum, "stale_cache_after_first_call", "repeated-use"),
    mutant(NanReplacedInState, "nan_input_masked", "not-a-number"),
    mutant(NanReplacedInGradient, "nan_input_masked", "not-a-number"),
    mutant(GradReturnedAgain, "accumulation_not_additive", "other-uses"),
    mutant(GradWritten, "accumulation_not_additive", "other-uses"),
    mutant(GradientInWorkspace, "interleaved_calls_corrupt", "other-uses"),
)
