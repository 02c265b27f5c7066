"""Gradients that can be differentiated once, and say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["refusing_second_order"]


def refusing_second_order(
    adjoint: str, anchor: Tensor, grads: Sequence[Tensor | None]
) -> tuple[Tensor | None, ...]:
    """Return the gradients as they are, but on a graph whose backward pass raises.

    Without a graph a gradient penalty would be ignored.

    Parameters
    ----------
    adjoint : str
        Who computed them, for the message.
    anchor : Tensor
        One that requires grad, so that the gradients do.
    grads : sequence of tensors or None
        First derivatives.
    """
    present = [g for g in grads if g is not None]
    guarded = iter(_Refusal.apply(adjoint, anchor, *present))  # type: ignore[no-untyped-call]
    return tuple(None if g is None else next(guarded) for g in grads)


class _Refusal(torch.autograd.Function):
    """The identity on first derivatives, which knows no second ones."""

    @staticmethod
    def forward(ctx: Any, adjoint: str, _anchor: Tensor, *grads: Tensor) -> tuple[Tensor, ...]:
        ctx.adjoint = adjoint
        return tuple(g.view_as(g) for g in grads)

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> None:
        why = (
            f"adjoint={ctx.adjoint!r} expects to be differentiated once, but a gradient that it returned "
            "under create_graph=True was differentiated again; use adjoint='discrete' or 'checkpointed', "
            "which have derivatives of every order"
        )
        raise RuntimeError(why)
