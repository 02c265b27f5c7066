"""The right layers of second order, q'' = a(t, q, v), of which mutants are variations."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nodecheck.layers.layer import OF_PARAMETERS, SECOND_ORDER, SEPARABLE
from nodecheck.mutants.families import Backprop, Field, State, refused_twice


class _Motion(Backprop):
    """A solver that carries (q, v) from step to step."""

    supports: ClassVar[frozenset[str]] = frozenset((*OF_PARAMETERS, SECOND_ORDER))
    tableau_name: ClassVar[str | None] = None

    def solve(self, y0: Tensor) -> Tensor:
        """Return y1; autograd records it unless the caller disables that."""
        return torch.cat(self.integrate(self.field, self.t0, self.t1, y0.chunk(2, dim=-1)), dim=-1)

    def field(self, t: float, state: State) -> State:
        """Return the acceleration."""
        return (self.dynamics(t, *state),)


class SymplecticEuler(_Motion):
    """Symplectic Euler: a kick, and a drift with the new velocity."""

    order = 1

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        """Return the state one step of size h later."""
        q, v = state
        v = v + h * field(t, state)[0]
        return q + h * v, v


class Leapfrog(_Motion):
    """Velocity Verlet for forces without velocities: half a kick, a drift, half a kick."""

    order = 2
    supports: ClassVar[frozenset[str]] = frozenset((*OF_PARAMETERS, SECOND_ORDER, SEPARABLE))

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        """Return the state one step of size h later."""
        q, v = state
        half = v + h / 2 * field(t, (q, v))[0]
        q = q + h * half
        return q, half + h / 2 * field(self.end_of_step(t, h), (q, half))[0]

    def end_of_step(self, t: float, h: float) -> float:
        """Return the time of the second half of the kick."""
        return t + h


class NystroemMidpoint(_Motion):
    """The explicit midpoint rule for positions and velocities."""

    order = 2

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        """Return the state one step of size h later."""
        q, v = state
        half = v + h / 2 * field(t, state)[0]
        return q + h * half, v + h * field(t + h / 2, (q + h / 2 * v, self.velocity(v, half)))[0]

    def velocity(self, _start: Tensor, half: Tensor) -> Tensor:
        """Return the velocity that the force in the middle of a step is evaluated with."""
        return half


class KickDriftByHand(SymplecticEuler):
    """Symplectic Euler, each of whose steps is pulled back by hand."""

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        super().__init__(dynamics, t0, t1, n_steps)
        self.params = tuple(p for p in dynamics.parameters() if p.requires_grad)

    def step(self, _field: Field, t: float, h: float, state: State) -> State:
        """Return the state one step of size h later."""
        q, v = _Step.apply(self, t, h, *state, *self.params)  # type: ignore[no-untyped-call]
        return q, v

    def plain_step(self, t: float, h: float, state: State) -> State:
        """Return the same without a graph."""
        return super().step(self.field, t, h, state)

    def pullback(self, t: float, h: float, state: State, cotangents: State) -> State:
        """Return the gradients with respect to q, v and each parameter.

        Of v1 = v + h a(t, q, v), q1 = q + h v1: the drift is pulled back first, and then the kick.
        """
        of_q, of_v = cotangents
        of_v = self.before_drift(of_q, of_v, h)
        to_q, to_v, *to_params = self.vjp(t, state, h * of_v)
        return self.joined((of_q + to_q, self.before_kick(of_v, to_v)), to_params)

    def before_drift(self, of_q: Tensor, of_v: Tensor, h: float) -> Tensor:
        """Return the adjoint of the velocity before the drift."""
        return of_v + h * of_q

    def before_kick(self, of_v: Tensor, to_v: Tensor) -> Tensor:
        """Return the adjoint of the velocity before the kick."""
        return of_v + to_v

    def joined(self, halves: State, params: list[Tensor]) -> State:
        """Return the gradients of all inputs of a step."""
        return (*halves, *params)

    def vjp(self, t: float, state: State, a: Tensor) -> State:
        """Return the products of a with the derivatives of the acceleration."""
        inputs = (*(x.detach().requires_grad_() for x in state), *self.params)
        with torch.enable_grad():
            pulled = torch.autograd.grad(self.dynamics(t, *inputs[:2]), inputs, a, allow_unused=True)
        return tuple(torch.zeros_like(x) if g is None else g for x, g in zip(inputs, pulled, strict=True))


class _Step(torch.autograd.Function):
    """The autograd function of one step; its gradient cannot be differentiated."""

    @staticmethod
    def forward(
        ctx: Any, layer: KickDriftByHand, t: float, h: float, q: Tensor, v: Tensor, *params: Tensor
    ) -> State:
        ctx.layer, ctx.t, ctx.h, ctx.params = layer, t, h, params
        ctx.save_for_backward(q, v)
        return layer.plain_step(t, h, (q, v))

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        layer = ctx.layer
        now = (p for p in layer.dynamics.parameters() if p.requires_grad)
        if any(p is not q for p, q in zip(now, ctx.params, strict=True)):
            message = "the parameters were replaced after the forward pass; run both passes with the same"
            raise RuntimeError(message)
        with torch.no_grad():
            found = layer.pullback(ctx.t, ctx.h, ctx.saved_tensors, cotangents)
        return (None, None, None, *(refused_twice(found) if torch.is_grad_enabled() else found))
