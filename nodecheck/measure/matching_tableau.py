"""The Runge-Kutta method of a layer: the claimed tableau, or one of ours with the same forward pass."""

from __future__ import annotations

import itertools

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.controls import own_layer
from nodecheck.numerics import relative_error
from nodecheck.numerics.tableau import ButcherTableau
from nodecheck.numerics.tableaus import TABLEAUS
from nodecheck.problems import Problem


def matching_tableau(layer: LayerUnderTest, problem: Problem) -> tuple[ButcherTableau, int, float] | None:
    """Return with which tableau and how many steps our forward pass is that of the layer, and how nearly.

    A tableau that is claimed is returned even if its forward pass is another one; else None if there is none.
    """
    solution = layer.solve(problem, layer.few_steps)
    y1, bound = solution.y1, layer.reordering * layer.roundoff(solution.evaluations)
    tableaus, claimed = _candidates(layer), layer.claims.tableau is not None
    n = layer.few_steps
    tried = (n, n - 1, n // 2, *(() if claimed else (n + 1, 2 * n)))

    def distance(tableau: ButcherTableau, n_steps: int) -> float:
        return relative_error(own_backprop(layer, tableau).solve(problem, n_steps).y1, y1)

    for n_steps, tableau in itertools.product(tried, tableaus):
        found = distance(tableau, n_steps)
        if found <= bound:
            return tableau, n_steps, found
    return (tableaus[0], layer.few_steps, distance(tableaus[0], layer.few_steps)) if claimed else None


def own_backprop(layer: LayerUnderTest, tableau: ButcherTableau) -> LayerUnderTest:
    """Return our own layer with this method, differentiated by backpropagation."""
    return own_layer(layer, tableau, "discrete")


def _candidates(layer: LayerUnderTest) -> tuple[ButcherTableau, ...]:
    """Return the claimed tableau, or those of ours that have the claimed order."""
    claimed, order = layer.claims.tableau, layer.claims.order
    if claimed is not None:
        return (TABLEAUS[claimed] if isinstance(claimed, str) else claimed,)
    return tuple(tableau for tableau in TABLEAUS.values() if order in (None, tableau.order))
