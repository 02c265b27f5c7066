"""Gradients that raise an error where they are differentiated again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["refusing_second_order"]


def refusing_second_order(
    adjoint: str, anchor: Tensor, grads: Sequence[Tensor | None]
) -> tuple[Tensor | None, ...]:
    """Return the gradients unchanged, on a graph whose backward pass raises an error.

    Without a graph, a gradient penalty would be silently ignored.

    Parameters
    ----------
    adjoint : str
        The adjoint that computed them, for the message.
    anchor : Tensor
        A tensor that requires grad, by which the gradients require grad too.
    grads : sequence of tensors or None
        First derivatives.
    """
    present = [g for g in grads if g is not None]
    guarded = iter(_Refusal.apply(adjoint, anchor, *present))  # type: ignore[no-untyped-call]
    return tuple(None if g is None else next(guarded) for g in grads)


class _Refusal(torch.autograd.Function):
    """The identity on first derivatives; its own derivative is refused."""

    @staticmethod
    def forward(ctx: Any, adjoint: str, _anchor: Tensor, *grads: Tensor) -> tuple[Tensor, ...]:
        ctx.adjoint = adjoint
        return tuple(g.view_as(g) for g in grads)

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> None:
        why = (
            f"adjoint={ctx.adjoint!r} expects to be differentiated once, but a gradient that it returned "
            "under create_graph=True was differentiated again; use adjoint='discrete' or 'checkpointed', "
            "whose gradients may be differentiated again"
        )
        raise RuntimeError(why)
