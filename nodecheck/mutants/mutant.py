"""Mutant: a layer that is wrong on purpose, with the checks that must fail it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from nodecheck.layers import TorchLayer
from nodecheck.mutants.families import Backprop
from nodecheck.results.phrases import kebab_case


@dataclass(frozen=True)
class Mutant:
    """A wrong layer with the claims of its right original.

    Attributes
    ----------
    name
        Unique among the mutants; also the name of the layer.
    failure_mode
        Identifier in the catalogue of failure modes of public code.
    layer, original
        The wrong layer, and the right one from which it differs in one respect.
    caught_by
        Ids of checks that must fail the layer; others may fail it too.  Empty for a known blind spot.
    summary
        The fault, in one line.
    """

    name: str
    failure_mode: str
    layer: TorchLayer
    original: TorchLayer
    caught_by: tuple[str, ...]
    summary: str


def mutant(wrong: type[Backprop], failure_mode: str, *caught_by: str) -> Mutant:
    """Return the mutant made of a class whose first base is its right original.

    The name of the class gives the mutant's name, and the first line of its docstring the summary.
    """
    original = wrong.__bases__[0]
    layer = as_layer(wrong, claims=original)
    summary = (inspect.getdoc(wrong) or "").splitlines()[0]
    return Mutant(layer.name, failure_mode, layer, as_layer(original, claims=original), caught_by, summary)


def as_layer(solver: type[Backprop], *, claims: type[Backprop]) -> TorchLayer:
    """Return a class as a layer, with its own name in kebab case and the claims of another class."""
    return TorchLayer(
        kebab_case(solver.__name__),
        _build(solver),
        order=claims.order,
        adjoint=claims.adjoint,
        memory=claims.memory,
        tableau=claims.tableau_name,
        output=claims.output,
        supports=claims.supports,
    )


def _build(solver: type[Backprop]) -> Callable[..., Callable[[Tensor], Tensor]]:
    """Return the `build` of a class of solvers, whose parameters say which form it has."""
    if solver.output_times:

        def build_at_outputs(dynamics: nn.Module, ts: Tensor, n_steps: int) -> Callable[[Tensor], Tensor]:
            numbers = tuple(ts.tolist())
            layer = solver(dynamics, numbers[0], numbers[-1], n_steps)
            layer.ts, layer.times = numbers, ts
            return layer

        return build_at_outputs
    if solver.both_tolerances:

        def build_by_both(
            dynamics: nn.Module, t0: float, t1: float, rtol: float, atol: float
        ) -> Callable[[Tensor], Tensor]:
            return solver(dynamics, t0, t1, rtol, atol)  # type: ignore[arg-type, call-arg]

        return build_by_both
    if solver.adaptive:

        def build_adaptive(
            dynamics: nn.Module, t0: float, t1: float, tol: float
        ) -> Callable[[Tensor], Tensor]:
            return solver(dynamics, t0, t1, tol)  # type: ignore[arg-type]

        return build_adaptive

    def build(dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> Callable[[Tensor], Tensor]:
        return solver(dynamics, t0, t1, n_steps)

    return build
