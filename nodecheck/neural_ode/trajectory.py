"""The continuous adjoint step by step: every state of its backward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nodecheck.neural_ode.continuous import reverse_steps
from nodecheck.neural_ode.explicit import VectorField, integrate
from nodecheck.neural_ode.grid import Segment, node_times
from nodecheck.neural_ode.recall import fixed_randomness, tensors_of, with_tensors
from nodecheck.neural_ode.vjp import DetachedField, Vjp
from nodecheck.numerics.tableau import ButcherTableau

__all__ = ["BackwardTrajectory", "backward_trajectory"]


@dataclass(frozen=True, eq=False)
class BackwardTrajectory:
    """The states of the continuous adjoint on its way from t1 back to t0.

    All four attributes are in the order of the computation: index 0 is at t1, index n at t0.

    Attributes
    ----------
    t : Tensor, shape (n + 1,)
        The ends of the steps, in the state's real dtype.
    y : Tensor, shape (n + 1, *state)
        The state: y[0] is the layer's output, y[n] the reconstruction of y0.
    a : Tensor, shape (n + 1, *state)
        The adjoint dL/dy(t): a[0] is the cotangent, a[n] the gradient of y0.
    param_grads : mapping of parameter name to Tensor, shape (n + 1, *parameter)
        The running sum of dL/dtheta: 0 at index 0, the parameter's gradient at index n.
    """

    t: Tensor
    y: Tensor
    a: Tensor
    param_grads: Mapping[str, Tensor]


def backward_trajectory(
    dynamics: VectorField, y0: Tensor, cotangent: Tensor, segment: Segment, tableau: ButcherTableau
) -> BackwardTrajectory:
    """Return the backward trajectory of one solve.

    Parameters
    ----------
    dynamics : VectorField
        f(t, y).
    y0 : Tensor, any shape, floating or complex
        The state at the segment's start.
    cotangent : Tensor, the shape of y0
        dL/dy at the segment's end.
    segment : Segment
        The steps.
    tableau : ButcherTableau
        The method.

    Raises
    ------
    ValueError
        If the cotangent does not have the shape of y0.
    RuntimeError
        If the field draws random numbers, or depends on a tensor that requires grad and is neither y nor a
        parameter of `dynamics`.
    """
    if cotangent.shape != y0.shape:
        raise ValueError(
            f"cotangent must have the shape of y0, {tuple(y0.shape)}, got {tuple(cotangent.shape)}; "
            "pass dL/dy(t1)"
        )
    tensors = tensors_of(dynamics)
    copies = {name: p.detach().requires_grad_() for name, p in tensors.trainable.items()}
    buffers = {name: buffer.clone() for name, buffer in tensors.buffers.items()}
    vjp, field = Vjp(dynamics, list(copies.values()), "continuous"), DetachedField(dynamics, "continuous")
    detached = {name: p.detach() for name, p in tensors.trainable.items()}
    with torch.enable_grad(), fixed_randomness(y0.device, "continuous"):
        # On copies of the buffers, so that the layer stays unchanged.
        y1 = with_tensors(
            dynamics, buffers | detached, lambda: integrate(field, y0.detach(), [segment], tableau)[-1]
        )
        return with_tensors(
            dynamics, buffers | copies, lambda: _record(vjp, y1, cotangent, copies, segment, tableau)
        )


def _record(
    vjp: Vjp,
    y1: Tensor,
    cotangent: Tensor,
    copies: Mapping[str, Tensor],
    segment: Segment,
    tableau: ButcherTableau,
) -> BackwardTrajectory:
    """Return the states of the backward pass from y1."""
    sums: list[Tensor | None] = [torch.zeros_like(copy) for copy in copies.values()]
    ys, adjoints, gathered = [y1], [cotangent.detach()], [[torch.zeros_like(c)] for c in copies.values()]
    for y, a in reverse_steps(vjp, y1, cotangent.detach(), sums, segment, tableau):
        ys.append(y)
        adjoints.append(a)
        for history, total in zip(gathered, sums, strict=True):
            assert total is not None  # it began as zeros
            history.append(total.clone())
    return BackwardTrajectory(
        t=node_times(segment, y1, backward=True),
        y=torch.stack(ys),
        a=torch.stack(adjoints),
        param_grads={
            name: torch.stack(history).detach() for name, history in zip(copies, gathered, strict=True)
        },
    )
