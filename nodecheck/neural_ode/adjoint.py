"""The continuous adjoint as an autograd function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nodecheck.neural_ode.explicit import VectorField, integrate
from nodecheck.neural_ode.grid import Segment
from nodecheck.neural_ode.recall import Conditions, Tensors, fixed_randomness, tensors_of, with_tensors
from nodecheck.neural_ode.reverse import reverse_steps
from nodecheck.neural_ode.tableau import ButcherTableau
from nodecheck.neural_ode.vjp import DetachedField, Vjp

__all__ = ["integrate_with_adjoint"]


@dataclass(frozen=True, eq=False)
class _Solve:
    """What one solve needs besides tensors."""

    dynamics: VectorField
    segments: tuple[Segment, ...]
    tableau: ButcherTableau
    names: tuple[str, ...]  # of the trainable parameters, in the order in which they are passed


def integrate_with_adjoint(
    dynamics: VectorField, y0: Tensor, segments: Sequence[Segment], tableau: ButcherTableau
) -> list[Tensor]:
    """Return the solution at the end of each segment, with the continuous adjoint as its derivative.

    Only these outputs are saved for the backward pass, however many steps there are.  It starts each segment
    afresh from its saved output, and its gradients converge to the exact ones at the tableau's order; they
    are not those of the forward map.  Parameters are those of `integrate`.

    Raises
    ------
    RuntimeError
        If the field draws random numbers, or depends on a tensor that requires grad and is neither y nor a
        parameter of `dynamics`; in the backward pass also if second derivatives are asked for.
    """
    tensors = tensors_of(dynamics)
    names, params = tuple(tensors.trainable), tuple(tensors.trainable.values())
    solve = _Solve(dynamics, tuple(segments), tableau, names)
    outputs: tuple[Tensor, ...] = _Adjoint.apply(solve, tensors, y0, *params)  # type: ignore[no-untyped-call]
    return list(outputs)


class _Adjoint(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, solve: _Solve, tensors: Tensors, y0: Tensor, *params: Tensor) -> tuple[Tensor, ...]:
        # Under autocast a live parameter would leave its cast copy, made without a graph, in the cache.
        copies = {name: p.detach() for name, p in zip(solve.names, params, strict=True)}
        field = DetachedField(solve.dynamics)
        constants = {**tensors.frozen, **tensors.buffers}
        versions = {name: _version(tensor) for name, tensor in constants.items()}
        conditions = Conditions.now(solve.dynamics, y0.device)
        # In grad mode, so that a gradient which would be lost is seen; nothing here requires grad.
        with torch.enable_grad(), fixed_randomness(y0.device):
            outputs = with_tensors(
                solve.dynamics, copies, lambda: integrate(field, y0.detach(), solve.segments, solve.tableau)
            )
        ctx.set_materialize_grads(False)
        # A buffer that the field itself updates (the statistics of BatchNorm) is not a constant to be saved.
        now = tensors_of(solve.dynamics).buffers if tensors.buffers else {}
        ctx.updated = [name for name, buffer in now.items() if versions.get(name) != _version(buffer)]
        for name in ctx.updated:
            constants.pop(name, None)
        ctx.solve, ctx.conditions = solve, conditions
        ctx.frozen, ctx.constants = frozenset(tensors.frozen), tuple(constants)
        ctx.save_for_backward(*outputs, *params, *constants.values())
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        solve: _Solve = ctx.solve
        saved: tuple[Tensor, ...] = ctx.saved_tensors  # raises if one was changed in place since
        n, m = len(solve.segments), len(solve.names)
        outputs, params, constants = saved[:n], saved[n : n + m], saved[n + m :]
        copies = [p.detach().requires_grad_() for p in params]
        tensors = dict(zip(ctx.constants, constants, strict=True))
        now = tensors_of(solve.dynamics).buffers if ctx.updated else {}
        tensors |= {name: now[name] for name in ctx.updated}
        # What the field updates it will update again: on copies, or BatchNorm would count every step twice.
        # All buffers are copied, because batch_norm does not tell autograd that it changes its statistics.
        tensors = {name: t if name in ctx.frozen else t.clone() for name, t in tensors.items()}
        tensors |= dict(zip(solve.names, copies, strict=True))
        vjp = Vjp(solve.dynamics, copies)
        # Once for the whole loop: outside the products, nothing in it requires grad.
        with torch.enable_grad(), ctx.conditions.restored(), fixed_randomness(outputs[0].device):
            a, sums = with_tensors(
                solve.dynamics, tensors, lambda: _pull_back(solve, vjp, outputs, cotangents)
            )
        grads = (a, *sums)
        if torch.is_grad_enabled():  # create_graph=True: without a graph a gradient penalty would be ignored
            grads = _refusing_second_order(outputs[0], grads)
        return (None, None, *grads)


def _pull_back(
    solve: _Solve, vjp: Vjp, outputs: Sequence[Tensor], cotangents: Sequence[Tensor | None]
) -> tuple[Tensor | None, list[Tensor | None]]:
    """Return dL/dy0 and dL/dtheta: at each output time the adjoint jumps by the cotangent of that output."""
    a: Tensor | None = None
    sums: list[Tensor | None] = [None] * len(solve.names)
    for segment, y, cotangent in zip(
        reversed(solve.segments), reversed(outputs), reversed(cotangents), strict=True
    ):
        if cotangent is not None:
            # Detached only where it must be: an alias could become somebody's .grad, and be added to.
            jump = cotangent.detach() if cotangent.requires_grad else cotangent
            a = jump if a is None else a + jump
        if a is not None:
            # From the output that was saved, not from where the later segment's reconstruction ended.
            for _, adjoint in reverse_steps(vjp, y.detach(), a, sums, segment, solve.tableau):
                a = adjoint
    return a, sums


def _version(tensor: Tensor) -> tuple[int, int | None]:
    """Return a mark that changes when a tensor is replaced or changed in place."""
    return id(tensor), None if tensor.is_inference() else tensor._version


def _refusing_second_order(anchor: Tensor, grads: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
    present = [g for g in grads if g is not None]
    guarded = iter(_Refusal.apply(anchor, *present))  # type: ignore[no-untyped-call]
    return tuple(None if g is None else next(guarded) for g in grads)


class _Refusal(torch.autograd.Function):
    """The identity on first derivatives, which knows no second ones."""

    @staticmethod
    def forward(_ctx: Any, _anchor: Tensor, *grads: Tensor) -> tuple[Tensor, ...]:
        return tuple(g.view_as(g) for g in grads)

    @staticmethod
    def backward(_ctx: Any, *_: Tensor) -> None:
        why = (
            "adjoint='continuous' expects to be differentiated once, but a gradient that it returned under "
            "create_graph=True was differentiated again; use adjoint='discrete', which has derivatives of "
            "every order"
        )
        raise RuntimeError(why)
