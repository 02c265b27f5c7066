"""Mutants that are right in plain use, and wrong under function transforms or `torch.compile`."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from nodecheck.layers.layer import COMPILE, OF_PARAMETERS
from nodecheck.mutants.families import AdjointRK4, BackpropRK4, State
from nodecheck.mutants.mutant import Mutant, mutant


class DetachedWithoutGradient(BackpropRK4):
    """A y0 that requires no gradient is detached, and loses a tangent or a batch that is mapped over."""

    def __call__(self, y0: Tensor) -> Tensor:
        return self.solve(y0 if y0.requires_grad else y0.detach())


class TangentNotPropagated(AdjointRK4):
    """The rule for forward mode returns the tangent of y0."""

    def __call__(self, y0: Tensor) -> Tensor:
        y1: Tensor = _SolveWithTangent.apply(y0, self, *self.params)  # type: ignore[no-untyped-call]
        return y1


class _SolveWithTangent(torch.autograd.Function):
    """The autograd function of the adjoint, with a rule for forward mode."""

    @staticmethod
    def forward(y0: Tensor, layer: AdjointRK4, *_params: Tensor) -> Tensor:
        return layer.solve(y0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.layer = inputs[1]
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        (y1,) = ctx.saved_tensors
        with torch.no_grad():
            y0, *params = ctx.layer.pullback(y1, cotangent)
        y0, *params = ctx.layer.guarded((y0, *params))
        return (y0, None, *params)

    @staticmethod
    def jvp(_ctx: Any, tangent: Tensor, *_: Any) -> Tensor:
        return tangent.clone()


class CompiledRK4(BackpropRK4):
    """RK4 by backpropagation, which promises to work under `torch.compile`."""

    supports: ClassVar[frozenset[str]] = frozenset((*OF_PARAMETERS, COMPILE))


class FrozenWhenCompiled(CompiledRK4):
    """The parameters get no gradient where the layer is compiled: it has a branch of its own for that."""

    def field(self, t: float, state: State) -> State:
        if not torch.compiler.is_compiling():
            return super().field(t, state)
        params = {name: p.detach() for name, p in self.dynamics.named_parameters()}
        return (torch.func.functional_call(self.dynamics, params, (t, state[0])),)


class CoarseWhenCompiled(CompiledRK4):
    """The layer takes half of the steps where it is compiled."""

    def solve(self, y0: Tensor) -> Tensor:
        given = self.n_steps
        if torch.compiler.is_compiling():
            self.n_steps = max(1, given // 2)
        y1 = super().solve(y0)
        self.n_steps = given
        return y1


TRANSFORMS: tuple[Mutant, ...] = (
    mutant(DetachedWithoutGradient, "encoder_gradient_missing", "function-transforms"),
    mutant(TangentNotPropagated, "forward_mode_wrong", "function-transforms"),
    mutant(FrozenWhenCompiled, "eager_vs_compiled_gradient", "function-transforms"),
    mutant(CoarseWhenCompiled, "eager_vs_compiled_gradient", "function-transforms"),
)
