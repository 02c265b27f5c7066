"""Mutants that are right for one flat module, and wrong for the same field in other modules."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from nodecheck.layers.layer import AUTOCAST, OF_PARAMETERS
from nodecheck.mutants.families import AdjointRK4, State
from nodecheck.mutants.mutant import Mutant, mutant

Gradients = tuple[Tensor | None, ...]


class NestedParametersOverlooked(AdjointRK4):
    """Only the parameters of the module itself are differentiated, and none of a submodule."""

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        super().__init__(dynamics, t0, t1, n_steps)
        self.params = tuple(dynamics.parameters(recurse=False))


class TiedParametersTwice(AdjointRK4):
    """A parameter with two names is differentiated twice."""

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        super().__init__(dynamics, t0, t1, n_steps)
        self.params = tuple(p for _, p in dynamics.named_parameters(remove_duplicate=False))


class UseDecidedAtTheEnd(AdjointRK4):
    """A parameter that is not used at t1 counts as unused over the whole interval."""

    def backward(self, state: State) -> State:
        every = self.params
        y1, cotangent, *_ = state
        with torch.enable_grad():
            dy = self.dynamics(self.t1, y1.detach())
            found = torch.autograd.grad(dy, every, cotangent, allow_unused=True)
        used = [p for p, g in zip(every, found, strict=True) if g is not None]
        self.params = tuple(used)
        y0, a, *gradients = super().backward((y1, cotangent, *(torch.zeros_like(p) for p in used)))
        self.params = every
        by_id = {id(p): g for p, g in zip(used, gradients, strict=True)}
        return (y0, a, *(by_id.get(id(p), torch.zeros_like(p)) for p in every))


class ParametersPresumed(AdjointRK4):
    """If no parameter requires a gradient, nothing is recorded."""

    def __call__(self, y0: Tensor) -> Tensor:
        return super().__call__(y0) if self.params else self.solve(y0).detach()


class TrainModeInBackward(AdjointRK4):
    """The backward pass puts the dynamics in train mode and leaves it in that mode."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        self.dynamics.train()
        return super().pullback(y1, cotangent)


class ForwardCalledByName(AdjointRK4):
    """The dynamics is called by its forward method, so that its hooks do not run."""

    def field(self, t: float, state: State) -> State:
        return (self.dynamics.forward(t, state[0]),)


class EvalModeInBackward(AdjointRK4):
    """The backward pass runs the dynamics in eval mode and restores its mode afterwards."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        training = self.dynamics.training
        self.dynamics.eval()
        gradients = super().pullback(y1, cotangent)
        self.dynamics.train(training)
        return gradients


class ComputedParametersOverlooked(AdjointRK4):
    """Only parameters that are leaves are differentiated."""

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        super().__init__(dynamics, t0, t1, n_steps)
        self.params = tuple(p for p in self.params if p.is_leaf)


class ParametersReadInBackward(AdjointRK4):
    """The backward pass calls the module, whatever its parameters are by then."""

    def require_same_parameters(self) -> None:
        pass


class AutocastAdjointRK4(AdjointRK4):
    """The backward pass runs under the autocast state of the forward pass."""

    supports: ClassVar[frozenset[str]] = frozenset((*OF_PARAMETERS, AUTOCAST))
    autocast: tuple[torch.dtype, bool]

    def __call__(self, y0: Tensor) -> Tensor:
        kind = y0.device.type
        self.autocast = (torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind))
        return super().__call__(y0)

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        dtype, enabled = self.autocast
        with torch.autocast(y1.device.type, dtype, enabled=enabled):
            return super().pullback(y1, cotangent)


class AutocastLost(AutocastAdjointRK4):
    """The backward pass runs without the autocast state of the forward pass, which is promised."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> Gradients:
        return AdjointRK4.pullback(self, y1, cotangent)


MODULES: tuple[Mutant, ...] = (
    mutant(NestedParametersOverlooked, "closure_params_missing", "other-modules"),
    mutant(TiedParametersTwice, "tied_params_double_or_half", "other-modules"),
    mutant(UseDecidedAtTheEnd, "unused_param_wrong_shape", "other-modules"),
    mutant(ParametersPresumed, "no_parameters_crash", "other-modules"),
    mutant(TrainModeInBackward, "global_state_changed", "other-uses"),
    mutant(ForwardCalledByName, "dynamics_changed_before_backward", "other-modules"),
    mutant(EvalModeInBackward, "dynamics_changed_before_backward", "other-modules"),
    mutant(AutocastLost, "autocast-precision", "other-modules"),
    mutant(ComputedParametersOverlooked, "closure_params_missing", "computed-parameters"),
    mutant(ParametersReadInBackward, "dynamics_changed_before_backward", "computed-parameters"),
)
