"""The right layers of which every mutant is a variation.

Steps are fixed or adaptive, and the gradient comes from backpropagation or from the continuous adjoint.  A
state is a tuple of tensors, so that one integrator serves y in the forward pass and (y, adjoint, parameter
integrals) in the backward pass.  Mutants override concrete methods; no other class of nodecheck does that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nodecheck.layers import Adjoint
from nodecheck.layers.layer import OF_PARAMETERS, Memory, Output

State = tuple[Tensor, ...]
Field = Callable[[float, State], State]


@dataclass(frozen=True)
class Tableau:
    """An explicit Runge-Kutta method: stage rows, weights, nodes, and the weights of an embedded method."""

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    embedded: tuple[float, ...] = ()


EULER = Tableau(a=((),), b=(1.0,), c=(0.0,))
HEUN = Tableau(a=((), (1.0,)), b=(0.5, 0.5), c=(0.0, 1.0))
RK4 = Tableau(
    a=((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), b=(1 / 6, 1 / 3, 1 / 3, 1 / 6), c=(0.0, 0.5, 0.5, 1.0)
)
# Bogacki & Shampine (1989): order three, with an embedded method of order two.
BOGACKI_SHAMPINE = Tableau(
    a=((), (1 / 2,), (0.0, 3 / 4), (2 / 9, 1 / 3, 4 / 9)),
    b=(2 / 9, 1 / 3, 4 / 9, 0.0),
    c=(0.0, 1 / 2, 3 / 4, 1.0),
    embedded=(7 / 24, 1 / 4, 1 / 3, 1 / 8),
)


def advance(state: State, h: float, weights: Sequence[float], stages: Sequence[State]) -> State:
    """Return state + h Σ weights[j] stages[j]."""
    for weight, stage in zip(weights, stages, strict=False):
        if weight:
            state = tuple(x + h * weight * k for x, k in zip(state, stage, strict=True))
    return state


class Backprop:
    """Explicit Runge-Kutta with `n_steps` equal steps, differentiated by backpropagation."""

    tableau: ClassVar[Tableau] = RK4
    order: ClassVar[int] = 4
    adjoint: ClassVar[Adjoint] = "discrete"
    memory: ClassVar[Memory] = "linear"
    tableau_name: ClassVar[str | None] = "rk4"
    supports: ClassVar[frozenset[str]] = frozenset(OF_PARAMETERS)
    adaptive: ClassVar[bool] = False
    both_tolerances: ClassVar[bool] = False
    output_times: ClassVar[bool] = False
    output: ClassVar[Output] = "state"
    times: Tensor  # the output times as they were given

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        self.dynamics, self.t0, self.t1, self.n_steps = dynamics, t0, t1, n_steps
        self.ts: tuple[float, ...] = (t0, t1)

    def __call__(self, y0: Tensor) -> Tensor:
        """Return y1."""
        return self.solve(y0)

    def solve(self, y0: Tensor) -> Tensor:
        """Return y1; autograd records it unless the caller disables that."""
        return self.integrate(self.field, self.t0, self.t1, (y0,))[0]

    def field(self, t: float, state: State) -> State:
        """Return the right-hand side of the forward equation."""
        return (self.dynamics(t, state[0]),)

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        """Return the state at `end`; backward in time if end < start."""
        for i in range(self.n_steps):
            t = start + (end - start) * i / self.n_steps
            state = self.step(field, t, (end - start) / self.n_steps, state)
        return state

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        """Return the state one step of size h later."""
        return advance(state, h, self.tableau.b, self.stages(field, t, h, state))

    def stages(self, field: Field, t: float, h: float, state: State) -> list[State]:
        """Return the stage derivatives."""
        stages: list[State] = []
        for row, node in zip(self.tableau.a, self.tableau.c, strict=True):
            stages.append(field(self.stage_time(t, node, h), advance(state, h, row, stages)))
        return stages

    def stage_time(self, t: float, node: float, h: float) -> float:
        """Return the time of a stage."""
        return t + node * h


class ByAdjoint(Backprop):
    """The same forward pass, differentiated by the continuous adjoint, for which y1 alone is kept.

    Chen et al. (2018), Algorithm 1: (y, a, g) with a' = -a ∂f/∂y and g' = -a ∂f/∂θ, from t1 back to t0.
    """

    adjoint: ClassVar[Adjoint] = "continuous"
    memory: ClassVar[Memory] = "constant"

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        super().__init__(dynamics, t0, t1, n_steps)
        self.params = tuple(p for p in dynamics.parameters() if p.requires_grad)
        self.given = tuple(dynamics.parameters())

    def __call__(self, y0: Tensor) -> Tensor:
        """Return y1, with the adjoint as its gradient function."""
        y1: Tensor = _Solve.apply(self, y0, *self.params)  # type: ignore[no-untyped-call]
        return y1

    def pullback(self, y1: Tensor, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients with respect to y0 and each parameter."""
        state = (y1, cotangent, *(torch.zeros_like(p) for p in self.params))
        return self.backward(state)[1:]

    def guarded(self, gradients: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """Return the gradients; where a graph of them is asked for, one that raises an error."""
        return refused_twice(gradients) if torch.is_grad_enabled() else gradients

    def require_same_parameters(self) -> None:
        """Raise an error if the dynamics has other parameters than in the forward pass."""
        now = tuple(self.dynamics.parameters())
        if len(now) != len(self.given) or any(p is not q for p, q in zip(now, self.given, strict=True)):
            message = (
                "the parameters were replaced after the forward pass; run both passes with the same ones"
            )
            raise RuntimeError(message)

    def backward(self, state: State) -> State:
        """Return the augmented state at t0."""
        self.require_same_parameters()
        return self.integrate(self.augmented, self.t1, self.t0, state)

    def augmented(self, t: float, state: State) -> State:
        """Return the right-hand side of the augmented equation."""
        y, a, *_ = state
        dy, *pulled = self.vjp(self.adjoint_time(t), y, a)
        return (dy, *(-v for v in pulled))

    def adjoint_time(self, t: float) -> float:
        """Return the time at which the backward pass evaluates the field."""
        return t

    def vjp(self, t: float, y: Tensor, a: Tensor) -> State:
        """Return f, a ∂f/∂y and a ∂f/∂θ for each parameter."""
        inputs = (y.detach().requires_grad_(), *self.params)
        with torch.enable_grad():
            dy = self.dynamics(t, inputs[0])
            pulled = torch.autograd.grad(dy, inputs, a, allow_unused=True)
        zeros = (torch.zeros_like(x) if v is None else v for x, v in zip(inputs, pulled, strict=True))
        return (dy.detach(), *zeros)


class _Solve(torch.autograd.Function):
    """The autograd function of a layer's forward pass and pullback."""

    @staticmethod
    def forward(ctx: Any, layer: ByAdjoint, y0: Tensor, *_params: Tensor) -> Tensor:
        ctx.layer = layer
        y1 = layer.solve(y0)
        ctx.save_for_backward(y1)
        return y1

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        (y1,) = ctx.saved_tensors
        with torch.no_grad():
            gradients = ctx.layer.pullback(y1, cotangent)
        return (None, *ctx.layer.guarded(gradients))


def refused_twice(gradients: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
    """Return the gradients on a graph whose backward pass raises an error.

    `once_differentiable` makes no such graph where the cotangent requires no gradient.
    """
    anchor = torch.zeros((), requires_grad=True)
    found = iter(_Refused.apply(anchor, *(g for g in gradients if g is not None)))  # type: ignore[no-untyped-call]
    return tuple(None if g is None else next(found) for g in gradients)


class _Refused(torch.autograd.Function):
    """The identity on gradients, which cannot be differentiated."""

    @staticmethod
    def forward(_ctx: Any, _anchor: Tensor, *gradients: Tensor) -> tuple[Tensor, ...]:
        return tuple(g.view_as(g) for g in gradients)

    @staticmethod
    def backward(_ctx: Any, *_: Tensor) -> None:
        message = "this gradient cannot be differentiated again; use a layer that backpropagates"
        raise RuntimeError(message)


class BackpropRK4(Backprop):
    """RK4, differentiated by backpropagation."""


class BackpropEuler(Backprop):
    """Explicit Euler, differentiated by backpropagation."""

    tableau, order, tableau_name = EULER, 1, "euler"


class BackpropBogackiShampine(Backprop):
    """Bogacki and Shampine's method of order three at a fixed step, by backpropagation."""

    tableau, order, tableau_name = BOGACKI_SHAMPINE, 3, None


class AdjointRK4(ByAdjoint):
    """RK4, differentiated by the continuous adjoint."""


class AdjointEuler(ByAdjoint):
    """Explicit Euler, differentiated by the continuous adjoint."""

    tableau, order, tableau_name = EULER, 1, "euler"
