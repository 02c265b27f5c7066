"""Mutants that break the contract of a PyTorch layer: no side effects, no stored state, no lost gradients."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import copy
from typing import ClassVar

import torch
from torch import Tensor, nn

from nodecheck.mutants.families import AdjointRK4, BackpropRK4, Field, State
from nodecheck.mutants.mutant import Mutant, mutant

Gradients = tuple[Tensor | None, ...]
# Tensors that a layer below wrongly keeps from call to call on its class, by their shapes.
Memory = dict[tuple[torch.Size, ...], Tensor]


class OutputDetached(BackpropRK4):
    """y1 is cut off from the graph."""

    def solve(self, y0: Tensor) -> Tensor:
        return super().solve(y0).detach()


class InputDetached(BackpropRK4):
    """y0 is cut off from the graph: a module that produced it gets no gradient."""

    def solve(self, y0: Tensor) -> Tensor:
        return super().solve(y0.detach())


class GraphCutHalfway(BackpropRK4):
    """The graph is cut in the middle of the interval, as if to save memory."""

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        if abs(t - (self.t0 + self.t1) / 2) <= abs(h) / 2:
            state = tuple(x.detach() for x in state)
        return super().step(field, t, h, state)


class StageDetached(BackpropRK4):
    """The derivative of the second stage is treated as a constant."""

    def stages(self, field: Field, t: float, h: float, state: State) -> list[State]:
        first = super().stages(field, t, h, state)
        with torch.no_grad():
            second = field(t + h / 2, tuple(x + h / 2 * k for x, k in zip(state, first[0], strict=True)))
        return [first[0], second, *first[2:]]


class InputMutated(AdjointRK4):
    """The forward pass writes y1 into y0."""

    def solve(self, y0: Tensor) -> Tensor:
        return y0.detach().copy_(super().solve(y0)).clone()


class ParameterMutated(AdjointRK4):
    """The backward pass rescales the first parameter in place and does not restore it."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        gradients = super().pullback(y1, cotangent)
        for p in self.params[:1]:
            p.detach().mul_(1.0625)
        return gradients


class CotangentMutated(AdjointRK4):
    """The backward pass accumulates the adjoint in the cotangent tensor of the caller."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        a0, *pulled = super().pullback(y1, cotangent)
        assert a0 is not None
        return (cotangent.copy_(a0), *pulled)


class FrozenBetweenPasses(BackpropRK4):
    """Between the forward and the backward pass the parameters require no gradient."""

    def __call__(self, y0: Tensor) -> Tensor:
        y1 = super().__call__(y0)
        trained = [p for p in self.dynamics.parameters() if p.requires_grad]
        for p in trained:
            p.requires_grad_(False)

        def thaw(_cotangent: Tensor) -> None:
            for p in trained:
                p.requires_grad_()

        if y1.requires_grad:
            y1.register_hook(thaw)  # type: ignore[no-untyped-call]
        return y1


class FrozenThawed(AdjointRK4):
    """The backward pass makes every parameter require a gradient, also those that the user has frozen."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        gradients = super().pullback(y1, cotangent)
        self.dynamics.requires_grad_()
        return gradients


class RandomNumbersDrawn(BackpropRK4):
    """Every pass draws from the global random generator, for nothing."""

    def solve(self, y0: Tensor) -> Tensor:
        return super().solve(y0 + 0 * torch.randn_like(y0))


class RandomGeneratorSeeded(BackpropRK4):
    """Every pass seeds the global random generator."""

    def solve(self, y0: Tensor) -> Tensor:
        torch.manual_seed(0)
        return super().solve(y0)


class StateOnClass(AdjointRK4):
    """The backward pass reads the y1 that the latest forward pass stored on the class."""

    latest: ClassVar[Tensor]

    def solve(self, y0: Tensor) -> Tensor:
        StateOnClass.latest = super().solve(y0)
        return StateOnClass.latest

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return super().pullback(StateOnClass.latest.detach().expand_as(y1), cotangent)


class StateOnModule(AdjointRK4):
    """The backward pass reads the y1 that the latest forward pass stored on the layer."""

    def solve(self, y0: Tensor) -> Tensor:
        self.latest = super().solve(y0)
        return self.latest

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:  # noqa: ARG002
        return super().pullback(self.latest.detach(), cotangent)


class FirstCallRemembered(AdjointRK4):
    """The backward pass uses the y1 of the first call for states of this shape."""

    first: ClassVar[Memory] = {}

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return super().pullback(self.first.setdefault((y1.shape,), y1.detach()).to(y1), cotangent)


class BufferNotReset(AdjointRK4):
    """The parameter integral starts from that of the previous call."""

    buffers: ClassVar[Memory] = {}

    def backward(self, state: State) -> State:
        y, a, *integrals = state
        shapes = tuple(g.shape for g in integrals)
        start = [self.buffers.get((*shapes, g.shape), g).to(g) for g in integrals]
        y, a, *pulled = super().backward((y, a, *start))
        self.buffers.update({(*shapes, g.shape): g for g in pulled})
        return (y, a, *pulled)


class ParametersCopiedOnce(AdjointRK4):
    """The backward pass uses a copy of the parameters that was made when the layer was built."""

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        super().__init__(dynamics, t0, t1, n_steps)
        self.copies = copy.deepcopy(dynamics)

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        live = self.dynamics, self.params
        trainable = tuple(p for p in self.copies.parameters() if p.requires_grad)
        self.dynamics, self.params = self.copies, trainable
        try:
            return super().pullback(y1, cotangent)
        finally:
            self.dynamics, self.params = live


class FirstSolutionKept(AdjointRK4):
    """The layer keeps its first solution and returns it at every call."""

    first: Tensor | None = None

    def solve(self, y0: Tensor) -> Tensor:
        if self.first is None:
            self.first = super().solve(y0)
        return self.first.clone()


class GradientNoise(AdjointRK4):
    """The gradient depends on the order of a reduction, which differs from call to call."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        return (y, a, *(g * (1 + 1e-12 * torch.randn_like(g)) for g in pulled))


class AccumulatedTwice(AdjointRK4):
    """The gradients of the parameters are added to .grad and returned as well."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        gradients = super().pullback(y1, cotangent)
        for p, g in zip(self.params, gradients[1:], strict=True):
            assert g is not None
            p.grad = g.clone() if p.grad is None else p.grad + g
        return gradients


class Float32Adjoint(AdjointRK4):
    """The adjoint is kept in float32."""

    def vjp(self, t: float, y: Tensor, a: Tensor) -> State:
        dy, *pulled = super().vjp(t, y, a)
        return (dy, *(v.float().to(v.dtype) for v in pulled))


CONTRACT: tuple[Mutant, ...] = (
    mutant(OutputDetached, "frozen_param_detaches_output", "gradient-completeness"),
    mutant(InputDetached, "encoder_gradient_missing", "gradient-completeness"),
    mutant(GraphCutHalfway, "leak_fix_broke_backward", "gradient-completeness"),
    mutant(StageDetached, "leak_fix_broke_backward", "gradient-order", "finite-differences"),
    mutant(InputMutated, "input_mutated", "nothing-mutated"),
    mutant(ParameterMutated, "input_mutated", "nothing-mutated"),
    mutant(CotangentMutated, "cotangent_mutated", "nothing-mutated"),
    mutant(FrozenBetweenPasses, "input_mutated", "nothing-mutated"),
    mutant(FrozenThawed, "input_mutated", "nothing-mutated"),
    mutant(RandomNumbersDrawn, "global_state_changed", "nothing-mutated"),
    mutant(RandomGeneratorSeeded, "global_state_changed", "nothing-mutated"),
    mutant(StateOnClass, "interleaved_calls_corrupt", "interleaved-calls"),
    mutant(StateOnModule, "interleaved_calls_corrupt", "interleaved-calls"),
    mutant(FirstCallRemembered, "stale_cache_after_first_call", "gradient-order"),
    mutant(BufferNotReset, "stale_cache_after_first_call", "determinism", "gradient-order"),
    mutant(ParametersCopiedOnce, "cached_flat_params_stale", "repeated-use"),
    mutant(FirstSolutionKept, "stale_cache_after_first_call", "repeated-use"),
    mutant(GradientNoise, "backward_not_reproducible", "determinism"),
    mutant(AccumulatedTwice, "accumulation_not_additive", "constant-field-gradient", "gradient-order"),
    mutant(Float32Adjoint, "low_precision_state_accumulation", "cotangent-linearity"),
)
