"""Gradient penalties: a loss and half the square of its own gradient, differentiated together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nodecheck.backends.torch.passes import Prepared, as_numpy, prepare
from nodecheck.backends.torch.tensors import tensor_of
from nodecheck.layers import Array, Call, Pullback, Solution, Solve, TorchLayer


@dataclass(frozen=True)
class _Penalty:
    """A loss of y1 with weights w, and the gradients that are penalised.

    Attributes
    ----------
    quadratic
        False for L = <w, y1>, whose cotangent requires no gradient; True for L = <w, y1> + |y1|² / 2.
    of_parameters
        True if the gradients of parameters are penalised beside that of y0.
    """

    quadratic: bool
    of_parameters: bool

    def loss(self, y1: Tensor, weights: Tensor) -> Tensor:
        linear = (weights * y1).sum()
        return linear + y1.square().sum() / 2 if self.quadratic else linear


PENALTIES: Mapping[str, _Penalty] = {
    "penalty-of-linear-loss": _Penalty(quadratic=False, of_parameters=False),
    "penalty-of-quadratic-loss": _Penalty(quadratic=True, of_parameters=True),
}


def solve_with_penalty(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution with the gradients of L + |∂L/∂x|² / 2; each cotangent holds the weights of L."""
    how = PENALTIES[solve.variation.name]
    passes = [_penalised(prepare(layer, solve), weights, how) for weights in cotangents]
    y1, calls, _ = passes[0]
    return Solution(y1, calls, tuple(pullback for _, _, pullback in passes))


def _penalised(one: Prepared, weights: Array, how: _Penalty) -> tuple[Array, tuple[Call, ...], Pullback]:
    """Return y1, the calls of the forward pass, and the gradients that the sum of both leaves in .grad."""
    y1 = one.forward()
    calls = tuple(one.dynamics.trace.calls)
    leaves = one.leaves
    penalised = [leaf for leaf in leaves.values() if leaf.requires_grad] if how.of_parameters else [one.y0]
    with one.dynamics.trace.backward():
        loss = how.loss(y1, tensor_of(weights, y1))
        gradients = torch.autograd.grad(loss, penalised, create_graph=True, allow_unused=True)
        penalty = torch.stack([g.square().sum() / 2 for g in gradients if g is not None]).sum()
        (loss + penalty).backward()  # type: ignore[no-untyped-call]
    found = {name: None if leaf.grad is None else as_numpy(leaf.grad) for name, leaf in leaves.items()}
    return as_numpy(y1), calls, Pullback(found, one.dynamics.trace.of("backward"))
