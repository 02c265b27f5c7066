"""Parameters that are no leaves: each is computed from a leaf, at which its gradient has to arrive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.backends.torch.passes import as_numpy, built, reader, run_backward
from nodecheck.backends.torch.tensors import dynamics_of, leaf_of, tensor_of
from nodecheck.layers import Array, Pullback, Solution, Solve, TorchLayer
from nodecheck.problems import group_of

_Forward = Callable[[Tensor], Tensor]


class _Model(nn.Module):
    """A model of the dynamics and of what is done with them."""

    def __init__(self, dynamics: nn.Module, solve: _Forward) -> None:
        super().__init__()
        self.dynamics = dynamics
        self.solve = solve

    def forward(self, y0: Tensor) -> Tensor:
        """Return y1."""
        return self.solve(y0)


def _in_their_place(dynamics: Dynamics, computed: Mapping[str, Tensor], solve: _Forward) -> _Forward:
    """Register the computed tensors as the parameters, for good: `dynamics.parameters()` returns them."""
    for name, value in computed.items():
        # `register_parameter` refuses what is no leaf; `functional_call` writes here as well.
        dynamics._parameters[name] = value  # type: ignore[assignment]
    return solve


def _by_functional_call(dynamics: Dynamics, computed: Mapping[str, Tensor], solve: _Forward) -> _Forward:
    """Replace the parameters, which have other values, while the layer is built and called."""
    with torch.no_grad():
        for parameter in dynamics.parameters():
            parameter.mul_(0.5)
    model = _Model(dynamics, solve)
    replaced = {f"dynamics.{name}": value for name, value in computed.items()}

    def forward(y0: Tensor) -> Tensor:
        y1: Tensor = functional_call(model, replaced, (y0,))
        return y1

    return forward


def _as_attributes(dynamics: Dynamics, computed: Mapping[str, Tensor], solve: _Forward) -> _Forward:
    """Make the computed tensors plain attributes of a module without parameters."""
    for name, value in computed.items():
        delattr(dynamics, name)
        setattr(dynamics, name, value)
    return solve


COMPUTED: Mapping[str, Callable[[Dynamics, Mapping[str, Tensor], _Forward], _Forward]] = {
    "computed-parameters": _in_their_place,
    "functional-call": _by_functional_call,
    "plain-tensors": _as_attributes,
}


def use_computed(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution where each parameter is the negative of a leaf; gradients are those of parameters.

    No other simple map is exact and not the identity.
    """
    dynamics = dynamics_of(solve)
    dynamics.trace.limit = solve.limit
    stored = {name: (-p.detach()).requires_grad_() for name, p in dynamics.named_parameters()}
    computed = {name: -leaf for name, leaf in stored.items()}
    y0 = leaf_of(solve.problem.y0, solve)
    read = reader(layer, solve.problem)
    forward = COMPUTED[solve.variation.name](
        dynamics, computed, lambda y0: read(built(layer, dynamics, solve)(y0), y0)
    )
    y1 = forward(y0)
    calls = tuple(dynamics.trace.calls)
    if not cotangents:
        return Solution(as_numpy(y1), calls)
    with dynamics.trace.backward():
        run_backward(y1, tensor_of(cotangents[0], y1))
    gradients = {group_of(name): _negative(leaf.grad) for name, leaf in stored.items()}
    arrived = None if y0.grad is None else as_numpy(y0.grad)
    pullback = Pullback({"y0": arrived, **gradients}, dynamics.trace.of("backward"))
    return Solution(as_numpy(y1), calls, (pullback,))


def _negative(gradient: Tensor | None) -> Array | None:
    return None if gradient is None else as_numpy(-gradient)
