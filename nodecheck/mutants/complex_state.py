"""Mutants that are right for real numbers, and wrong for complex ones."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

from torch import Tensor

from nodecheck.mutants.families import AdjointRK4, BackpropRK4, State
from nodecheck.mutants.mutant import Mutant, mutant


class ConjugateForgotten(AdjointRK4):
    """The pullback is the transpose of the Jacobian, and not its conjugate transpose."""

    def vjp(self, t: float, y: Tensor, a: Tensor) -> State:
        dy, *pulled = super().vjp(t, y, a.conj())
        return (dy, *(v.conj() for v in pulled))


class RealParameterGradients(AdjointRK4):
    """The integrals of the gradients of parameters keep their real parts."""

    def augmented(self, t: float, state: State) -> State:
        dy, da, *rest = super().augmented(t, state)
        return (dy, da, *(g.real for g in rest))


class RealSlopes(BackpropRK4):
    """Slopes are kept in a tensor of a real dtype."""

    def field(self, t: float, state: State) -> State:
        (dy,) = super().field(t, state)
        return (dy.to(dy.dtype.to_real()),)


COMPLEX_STATE: tuple[Mutant, ...] = (
    mutant(ConjugateForgotten, "complex_state", "complex-state"),
    mutant(RealParameterGradients, "complex_state", "complex-state"),
    mutant(RealSlopes, "complex_state", "complex-state"),
)
