"""The user's dynamics as a field of matrices, and its directional derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from nodecheck.own_model.audit import Task
from nodecheck.own_model.states import Layout, State, mapped

__all__ = ["FieldOfMatrices", "directional_derivative", "field_of"]


class FieldOfMatrices(nn.Module):
    """The dynamics as a function of the joined state, shape (B, D); they are its only submodule."""

    def __init__(self, dynamics: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.dynamics = dynamics
        self.layout = layout

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        """Return dy/dt.  The dynamics get a copy: some call `requires_grad_` on y, or change it."""
        state = mapped(torch.clone, self.layout.split(y))
        return self.layout.join(cast("State", self.dynamics(t, state)))


def field_of(task: Task) -> FieldOfMatrices:
    """Return the field of a task."""
    return FieldOfMatrices(task.dynamics, task.layout)


def directional_derivative(
    task: Task, direction: Mapping[str, Tensor]
) -> Callable[[float, Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return the function (t, y, dy) -> (f, df), df the derivative along dy and along a change of parameters.

    It is computed by differentiating a vector-Jacobian product with respect to its vector, which works for
    every field that can be differentiated twice, also for those that call `torch.autograd.grad` themselves.
    """
    field = field_of(task)
    names, tensors = zip(*task.parameters.items(), strict=True) if task.parameters else ((), ())
    changes = [direction[name] for name in names if name in direction]
    moved = [tensor for name, tensor in zip(names, tensors, strict=True) if name in direction]

    def derivative(t: float, y: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            leaf = y.detach().requires_grad_(True)
            value = field(torch.tensor(t, dtype=y.dtype), leaf)
            w = torch.zeros_like(value, requires_grad=True)
            if not value.requires_grad:
                return value, torch.zeros_like(value)
            products = torch.autograd.grad(value, [leaf, *moved], w, create_graph=True, allow_unused=True)
            terms = [
                (product * change).sum()
                for product, change in zip(products, [dy, *changes], strict=True)
                if product is not None and product.requires_grad
            ]
            if not terms:
                return value.detach(), torch.zeros_like(value)
            (change,) = torch.autograd.grad(torch.stack(terms).sum(), w)
        return value.detach(), change

    return derivative
