"""Our own solver on the same ladder as a layer: where it does not show its order, nothing is decided."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from nodecheck.layers import Adjoint, Backend, LayerUnderTest
from nodecheck.measure.convergence import Ladder
from nodecheck.numerics import control_margin
from nodecheck.numerics.tableau import ButcherTableau
from nodecheck.numerics.tableaus import TABLEAUS
from nodecheck.options.profile import Profile
from nodecheck.problems import Problem
from nodecheck.results import Inconclusive

_SOLVER_OF_ORDER = {1: "euler", 2: "heun", 3: "ralston3", 4: "rk4", 5: "dopri5"}


def own_layer(layer: LayerUnderTest, tableau: ButcherTableau, adjoint: Adjoint) -> LayerUnderTest:
    """Return our own layer with this method, in framework and dtype of a layer, examined as thoroughly."""
    return _own_layer(layer.backend, tableau, adjoint, layer.profile, layer.seed, layer.dtype)


@functools.lru_cache
def _own_layer(
    backend: Backend, tableau: ButcherTableau, adjoint: Adjoint, profile: Profile, seed: int, dtype: str
) -> LayerUnderTest:
    """Return our own layer, examined once for all the layers that it is the control of."""
    return LayerUnderTest(backend.own_layer(tableau, adjoint), profile, seed, backend, dtype=dtype)


def control(layer: LayerUnderTest, order: int, adjoint: Adjoint | None = None) -> LayerUnderTest | None:
    """Return our own layer of the same order, or None above order five."""
    if order not in _SOLVER_OF_ORDER:
        return None
    kind = adjoint or layer.claims.adjoint or "discrete"
    return own_layer(layer, TABLEAUS[_SOLVER_OF_ORDER[order]], kind)


def shows(ladder: Ladder, order: int) -> bool:
    """Return True if a ladder of our own solver of this order shows it, and so can judge a layer."""
    return ladder.fit.exact or abs(ladder.fit.slope - order) <= control_margin(order, narrow=ladder.narrow)


def asymptotic(ladders: Mapping[str, Ladder], order: int, problem: Problem) -> tuple[str, ...]:
    """Return the names of our own solver's ladders that show its order: only those can judge a layer.

    Raises
    ------
    Inconclusive
        If there are none.
    """
    clear = tuple(name for name, ladder in ladders.items() if shows(ladder, order))
    if not clear:
        slopes = ", ".join(f"{ladder.fit.slope:z.2f} for {name}" for name, ladder in ladders.items())
        message = (
            f"{problem.name} decides nothing on this ladder: our own solver of order {order} shows {slopes}"
        )
        raise Inconclusive(message)
    return clear
