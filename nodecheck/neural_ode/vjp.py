"""Values and vector-Jacobian products of a field, outside the user's own autograd graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

from nodecheck.neural_ode.explicit import VectorField, slope

__all__ = ["DetachedField", "Vjp", "add_to"]


class DetachedField:
    """A field for a forward pass without a trajectory: its values carry no graph.

    It is called in grad mode, with detached copies of the parameters in place.  A gradient that is recorded
    all the same is one that the backward pass would lose, and is refused.
    """

    def __init__(self, vector_field: VectorField, adjoint: str) -> None:
        self._vector_field = vector_field
        self._adjoint = adjoint
        self._differentiates_inside = False

    def __call__(self, t: Tensor, y: Tensor) -> Tensor:
        """Return f(t, y), detached.

        Raises
        ------
        RuntimeError
            If f depends on a tensor that requires grad and is not y.
        """
        # The common case: nothing requires grad, so nothing is recorded and the question costs nothing.
        y = y.detach()
        if not self._differentiates_inside:
            try:
                k = slope(self._vector_field(t, y), y)
            except RuntimeError as error:
                # A Hamiltonian field calls torch.autograd.grad(energy, y), and y has to require grad.
                if "does not require grad" not in str(error):
                    raise
            else:
                if not k.requires_grad:
                    return k
        self._differentiates_inside = True
        y = y.detach().requires_grad_()
        k = slope(self._vector_field(t, y), y)
        _refuse_foreign(k, y, frozenset(), self._adjoint)
        return k.detach()


class Vjp:
    """Values and vector-Jacobian products of functions of the state and the parameters.

    The products are taken with respect to detached copies of the parameters.  Hooks on the parameters
    themselves would run at every stage, and once more for the result.  It is called in grad mode.
    """

    def __init__(self, vector_field: VectorField, copies: Sequence[Tensor], adjoint: str) -> None:
        self.vector_field = vector_field
        self._adjoint = adjoint
        self._copies = tuple(copies)
        self._own = frozenset(_accumulator(copy) for copy in self._copies)

    def __call__(
        self, f: Callable[[Tensor], Tensor], y: Tensor, a: Tensor, *, with_parameters: bool = True
    ) -> tuple[Tensor, Tensor | None, Sequence[Tensor | None]]:
        """Return f(y), a^T df/dy and a^T df/dtheta per parameter; None where f does not depend on it.

        f is a function of the vector field at fixed times.  Without parameters the third value is empty.

        Raises
        ------
        RuntimeError
            If f depends on a tensor that requires grad and is neither y nor a copy of a parameter.
        """
        y = y.detach().requires_grad_()
        k = slope(f(y), y)
        if not k.requires_grad:
            return k, None, ()
        _refuse_foreign(k, y, self._own, self._adjoint)
        inputs = (y, *self._copies) if with_parameters else (y,)
        vy, *vps = torch.autograd.grad(k, inputs, a, allow_unused=True)
        return k.detach(), vy, vps


def add_to(sums: list[Tensor | None], terms: Sequence[Tensor | None], weight: float) -> None:
    """Add weight * term to each running sum, in place; None stands for zero."""
    for i, term in enumerate(terms):
        if term is None:
            continue
        total = sums[i]
        # The first term is scaled into a new tensor: the running sum must not be an alias of a product.
        sums[i] = term * weight if total is None else total.add_(term, alpha=weight)


def _accumulator(leaf: Tensor) -> Node:
    """Return the node at which autograd accumulates the gradient of a leaf."""
    with torch.enable_grad():
        node = leaf.view_as(leaf).grad_fn
    assert node is not None  # the leaf requires grad
    accumulator = node.next_functions[0][0]
    assert accumulator is not None
    return accumulator


def _refuse_foreign(k: Tensor, y: Tensor, own: frozenset[Node], adjoint: str) -> None:
    """Raise RuntimeError if the graph of a slope ends in a leaf that is neither y nor one of our own.

    Every stage is examined, because a tensor that takes part only for some t or y would escape a single
    test.  It takes about 5 µs; the evaluation and the product of a small network take 100 µs.
    """
    seen: set[Node] = set()
    stack: list[tuple[tuple[Node | None, int], ...]]
    stack = [((k.grad_fn or _accumulator(k), 0),)]  # a field may return a leaf itself
    while stack:
        for node, _ in stack.pop():
            if node is None or node in own or node in seen:
                continue
            seen.add(node)
            following = node.next_functions  # read once: each access makes new Python objects
            if following:
                stack.append(following)
                continue
            leaf = getattr(node, "variable", None)  # only an AccumulateGrad node has one
            if leaf is not None and leaf is not y:
                raise RuntimeError(_foreign_message(leaf, adjoint))


def _foreign_message(leaf: Tensor, adjoint: str) -> str:
    return (
        f"adjoint={adjoint!r} expects every tensor that requires grad to reach dynamics(t, y) as y or as an "
        f"nn.Parameter of the dynamics, but one of shape {tuple(leaf.shape)} and dtype {leaf.dtype} came in "
        "another way (a closure, a plain attribute, a list) and would get no gradient; make it an "
        "nn.Parameter of the dynamics, detach it, or use adjoint='discrete' or 'checkpointed'"
    )
