"""Gradients without a saved trajectory: an autograd function for schemes that recompute the states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

import torch
from torch import Tensor

from nodecheck.neural_ode.explicit import VectorField, beside
from nodecheck.neural_ode.grid import Segment
from nodecheck.neural_ode.once import refusing_second_order
from nodecheck.neural_ode.recall import (
    Conditions,
    Tensors,
    fixed_randomness,
    tensors_of,
    version,
    with_tensors,
)
from nodecheck.neural_ode.scheme import Method, Scheme
from nodecheck.neural_ode.vjp import DetachedField, Vjp

__all__ = ["integrate_without_trajectory"]


@dataclass(frozen=True, eq=False)
class _Solve(Generic[Method]):
    """The inputs of one solve that are not tensors."""

    scheme: Scheme[Method]
    dynamics: VectorField
    segments: tuple[Segment, ...]
    method: Method
    names: tuple[str, ...]  # of the trainable parameters, in the order in which they are passed


def integrate_without_trajectory(
    scheme: Scheme[Method],
    dynamics: VectorField,
    y0: Tensor,
    segments: Sequence[Segment],
    method: Method,
) -> list[Tensor]:
    """Return the state at the end of each segment by a scheme, with the scheme's pull-back as derivative.

    Only these outputs are saved for the backward pass, for any number of steps.  Each segment is pulled back
    from its own saved output.  Where no gradient is recorded, the plain loop computes the same.

    Parameters
    ----------
    scheme : Scheme
        The forward and the backward loop.
    dynamics : VectorField
        f(t, y).
    y0 : Tensor, any shape, floating or complex
        The state at the start of the first segment.
    segments : sequence of Segment
        Consecutive: each starts where the one before it ends.
    method : ButcherTableau or StepControl
        The method, of the kind that the scheme takes.

    Returns
    -------
    list of tensors of y0's shape and dtype, one per segment

    Raises
    ------
    RuntimeError
        If the field draws random numbers, or depends on a tensor that requires grad and is neither y nor a
        parameter of `dynamics`; in the backward pass also if a second derivative is requested.
    """
    detached = tuple(segment.detached() for segment in segments)
    if not torch.is_grad_enabled():
        return scheme.integrate(dynamics, y0, detached, method)
    tensors = tensors_of(dynamics)
    names, params = tuple(tensors.trainable), tuple(tensors.trainable.values())
    solve = _Solve(scheme, dynamics, detached, method, names)
    times = _boundaries(segments)
    outputs: tuple[Tensor, ...] = _WithoutTrajectory.apply(solve, tensors, times, y0, *params)  # type: ignore[no-untyped-call]
    return list(outputs)


def _boundaries(segments: Sequence[Segment]) -> Tensor | None:
    """Return the start of the first segment and the stop of each, shape (m + 1,); None for plain numbers."""
    ends = [segment.ends for segment in segments if segment.ends is not None]
    return torch.stack([ends[0][0], *(stop for _, stop in ends)]) if ends else None


class _WithoutTrajectory(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, solve: _Solve[Any], tensors: Tensors, times: Tensor | None, y0: Tensor, *params: Tensor
    ) -> tuple[Tensor, ...]:
        # Detached: of a live parameter, autocast would keep the cast copy, without a graph, in its cache.
        copies = {name: p.detach() for name, p in zip(solve.names, params, strict=True)}
        field = DetachedField(solve.dynamics, solve.scheme.adjoint)
        constants = {**tensors.frozen, **tensors.buffers}
        before = {name: (tensor, version(tensor)) for name, tensor in constants.items()}
        conditions = Conditions.now(solve.dynamics, y0.device)
        # In grad mode, so that a gradient which would be lost is noticed; nothing here requires grad.
        with torch.enable_grad(), fixed_randomness(y0.device, solve.scheme.adjoint):
            outputs = with_tensors(
                solve.dynamics,
                copies,
                lambda: solve.scheme.integrate(field, y0.detach(), solve.segments, solve.method),
            )
        ctx.set_materialize_grads(False)
        # A buffer that the field itself updates (the statistics of BatchNorm) is not a constant to be saved.
        now = tensors_of(solve.dynamics).buffers if tensors.buffers else {}
        ctx.updated = [name for name, buffer in now.items() if not _is_unchanged(buffer, before.get(name))]
        for name in ctx.updated:
            constants.pop(name, None)
        ctx.solve, ctx.conditions = solve, conditions
        ctx.frozen, ctx.constants = frozenset(tensors.frozen), tuple(constants)
        # Of the states that are no outputs, only the derivative with respect to t0 needs one: f(t0, y0).
        ctx.save_for_backward(*outputs, *params, *constants.values(), *(() if times is None else (times, y0)))
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        solve: _Solve[Any] = ctx.solve
        saved: tuple[Tensor, ...] = ctx.saved_tensors  # raises if one was changed in place since
        n, m = len(solve.segments), len(solve.names)
        c = n + m + len(ctx.constants)
        outputs, params, constants, starts = saved[:n], saved[n : n + m], saved[n + m : c], saved[c:]
        copies = [p.detach().requires_grad_() for p in params]
        tensors = dict(zip(ctx.constants, constants, strict=True))
        now = tensors_of(solve.dynamics).buffers if ctx.updated else {}
        tensors |= {name: now[name] for name in ctx.updated}
        # The field will update its buffers again: on copies, or BatchNorm would count every step twice.
        # All buffers are copied, because batch_norm does not tell autograd that it changes its statistics.
        tensors = {name: t if name in ctx.frozen else t.clone() for name, t in tensors.items()}
        tensors |= dict(zip(solve.names, copies, strict=True))
        vjp = Vjp(solve.dynamics, copies, solve.scheme.adjoint)
        # Enabled once for the whole loop: outside the products, nothing in it requires grad.
        no_draws = fixed_randomness(outputs[0].device, solve.scheme.adjoint)
        with torch.enable_grad(), ctx.conditions.restored(), no_draws:
            a, sums, of_times = with_tensors(
                solve.dynamics, tensors, lambda: _pull_back(solve, vjp, outputs, cotangents, starts)
            )
        grads = (of_times, a, *sums)
        if torch.is_grad_enabled():  # create_graph=True
            grads = refusing_second_order(solve.scheme.adjoint, outputs[0], grads)
        return (None, None, *grads)


def _pull_back(
    solve: _Solve[Any],
    vjp: Vjp,
    outputs: Sequence[Tensor],
    cotangents: Sequence[Tensor | None],
    starts: Sequence[Tensor],
) -> tuple[Tensor | None, list[Tensor | None], Tensor | None]:
    """Return dL/dy0, dL/dtheta and dL/dt.

    At each output time the adjoint jumps by the cotangent of that output.  `starts` holds the times and y0,
    or nothing where no gradient with respect to times is asked for.
    """
    a: Tensor | None = None
    sums: list[Tensor | None] = [None] * len(solve.names)
    for segment, y, cotangent in zip(
        reversed(solve.segments), reversed(outputs), reversed(cotangents), strict=True
    ):
        if cotangent is not None:
            # Detached only where necessary: a detached alias could become a .grad, which autograd adds to.
            jump = cotangent.detach() if cotangent.requires_grad else cotangent
            a = jump if a is None else a + jump
        if a is not None:
            # From the saved output, not from the state that the later segment's reconstruction ended at.
            a = solve.scheme.pull_back(vjp, y.detach(), a, sums, segment, solve.method)
    return a, sums, _of_times(vjp, starts[0], (starts[1], *outputs), (a, *cotangents)) if starts else None


def _of_times(
    vjp: Vjp, times: Tensor, states: Sequence[Tensor], cotangents: Sequence[Tensor | None]
) -> Tensor:
    """Return dL/dt of the start and of each output time, shape (m + 1,).

    An output moves with its time by f(t, y).  To start dt later from the same state is to start at t0 from
    y0 - f dt: its cotangent is the adjoint there (Chen et al., 2018, app. B).
    """
    grads = torch.zeros_like(times)
    for k, (t, y, a) in enumerate(zip(times.detach(), states, cotangents, strict=True)):
        if a is not None:
            field = partial(vjp.vector_field, beside(t, y))
            f, _, _ = vjp(field, y, a, with_parameters=False)
            grads[k] = (a.detach().conj() * f).real.sum() * (1 if k else -1)
    return grads


def _is_unchanged(tensor: Tensor, before: tuple[Tensor, int | None] | None) -> bool:
    """Return True if a tensor was neither replaced nor changed in place."""
    return before is not None and before[0] is tensor and before[1] == version(tensor)
