"""Mutant: a layer that is wrong on purpose, and the checks that must see it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from nodecheck.layers import TorchLayer
from nodecheck.mutants.families import Backprop


@dataclass(frozen=True)
class Mutant:
    """A wrong layer that claims what its right original claims.

    Attributes
    ----------
    name
        Unique among the mutants; also the name of the layer.
    failure_mode
        Identifier in the catalogue of failure modes seen in public code.
    layer, original
        The wrong layer, and the right one from which it differs in one respect.
    caught_by
        Checks that must fail the layer; others may.  Empty: a blind spot, stated as such.
    summary
        What is wrong, in one line.
    """

    name: str
    failure_mode: str
    layer: TorchLayer
    original: TorchLayer
    caught_by: tuple[str, ...]
    summary: str


def mutant(wrong: type[Backprop], failure_mode: str, *caught_by: str) -> Mutant:
    """Return the mutant made of a class whose first base is its right original.

    The class gives its name, and the first line of its docstring says what is wrong.
    """
    original = wrong.__bases__[0]
    layer = as_layer(wrong, claims=original)
    summary = (inspect.getdoc(wrong) or "").splitlines()[0]
    return Mutant(layer.name, failure_mode, layer, as_layer(original, claims=original), caught_by, summary)


def as_layer(solver: type[Backprop], *, claims: type[Backprop]) -> TorchLayer:
    """Return a class of this zoo as a layer, under its own name in kebab case, with the claims of another."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", solver.__name__).lower()
    return TorchLayer(
        name,
        _build(solver),
        order=claims.order,
        adjoint=claims.adjoint,
        memory=claims.memory,
        tableau=claims.tableau_name,
    )


def _build(solver: type[Backprop]) -> Callable[..., Callable[[Tensor], Tensor]]:
    if solver.adaptive:

        def build_adaptive(
            dynamics: nn.Module, t0: float, t1: float, tol: float
        ) -> Callable[[Tensor], Tensor]:
            return solver(dynamics, t0, t1, tol)  # type: ignore[arg-type]

        return build_adaptive

    def build(dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> Callable[[Tensor], Tensor]:
        return solver(dynamics, t0, t1, n_steps)

    return build
