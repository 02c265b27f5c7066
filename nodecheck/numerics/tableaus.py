"""Butcher tableaus by name."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction as Q
from types import MappingProxyType

from nodecheck.numerics.tableau import ButcherTableau

__all__ = ["TABLEAUS", "find_tableau"]

_EULER = ButcherTableau(
    name="euler",
    order=1,
    a=((),),
    b=(Q(1),),
    c=(Q(0),),
    cite="Euler (1768), Institutionum calculi integralis",
)
_MIDPOINT = ButcherTableau(
    name="midpoint",
    order=2,
    a=((), (Q(1, 2),)),
    b=(Q(0), Q(1)),
    c=(Q(0), Q(1, 2)),
    cite="Runge (1895), Mathematische Annalen 46",
)
_HEUN = ButcherTableau(
    name="heun",
    order=2,
    a=((), (Q(1),)),
    b=(Q(1, 2), Q(1, 2)),
    c=(Q(0), Q(1)),
    cite="Heun (1900): the explicit trapezoidal rule",
)
_RALSTON3 = ButcherTableau(
    name="ralston3",
    order=3,
    a=((), (Q(1, 2),), (Q(0), Q(3, 4))),
    b=(Q(2, 9), Q(1, 3), Q(4, 9)),
    c=(Q(0), Q(1, 2), Q(3, 4)),
    cite="Ralston (1962), Mathematics of Computation 16",
)
_RK4 = ButcherTableau(
    name="rk4",
    order=4,
    a=((), (Q(1, 2),), (Q(0), Q(1, 2)), (Q(0), Q(0), Q(1))),
    b=(Q(1, 6), Q(1, 3), Q(1, 3), Q(1, 6)),
    c=(Q(0), Q(1, 2), Q(1, 2), Q(1)),
    cite="Kutta (1901): the classical method",
)
_RK38 = ButcherTableau(
    name="rk38",
    order=4,
    a=((), (Q(1, 3),), (Q(-1, 3), Q(1)), (Q(1), Q(-1), Q(1))),
    b=(Q(1, 8), Q(3, 8), Q(3, 8), Q(1, 8)),
    c=(Q(0), Q(1, 3), Q(2, 3), Q(1)),
    cite="Kutta (1901): the 3/8 rule",
)
# The pair has a seventh stage for its error estimate, which fixed steps do not need.
_DOPRI5 = ButcherTableau(
    name="dopri5",
    order=5,
    a=(
        (),
        (Q(1, 5),),
        (Q(3, 40), Q(9, 40)),
        (Q(44, 45), Q(-56, 15), Q(32, 9)),
        (Q(19372, 6561), Q(-25360, 2187), Q(64448, 6561), Q(-212, 729)),
        (Q(9017, 3168), Q(-355, 33), Q(46732, 5247), Q(49, 176), Q(-5103, 18656)),
    ),
    b=(Q(35, 384), Q(0), Q(500, 1113), Q(125, 192), Q(-2187, 6784), Q(11, 84)),
    c=(Q(0), Q(1, 5), Q(3, 10), Q(4, 5), Q(8, 9), Q(1)),
    cite="Dormand & Prince (1980): the row of order five of RK5(4)7M",
)

TABLEAUS: Mapping[str, ButcherTableau] = MappingProxyType(
    {method.name: method for method in (_EULER, _MIDPOINT, _HEUN, _RALSTON3, _RK4, _RK38, _DOPRI5)}
)
"""The tableau of every method that `ODELayer` takes by name."""


def find_tableau(solver: str | ButcherTableau) -> ButcherTableau:
    """Return the tableau of a solver: itself, or the one of that name.

    Raises
    ------
    ValueError
        If no tableau has this name.
    """
    if isinstance(solver, ButcherTableau):
        return solver
    if solver not in TABLEAUS:
        raise ValueError(
            f"solver must be one of {', '.join(TABLEAUS)}, or a ButcherTableau, got {solver!r}; "
            "choose a name, or pass the tableau itself"
        )
    return TABLEAUS[solver]
