"""Embedded pairs: Runge-Kutta methods that estimate the error of their own steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction as Q
from functools import cached_property
from types import MappingProxyType

from nodecheck.numerics.tableau import ButcherTableau, Coefficient
from nodecheck.numerics.tableaus import TABLEAUS

__all__ = ["PAIRS", "EmbeddedPair", "find_pair"]


@dataclass(frozen=True)
class EmbeddedPair:
    """A method, and the weights of a second one on the same stages, whose difference estimates the error.

    Attributes
    ----------
    tableau : ButcherTableau
        The method that is advanced (local extrapolation: the one of higher order), with all stages.
    lower : tuple of numbers
        The weights of the other method.
    lower_order : int
        Its order q: the estimate is O(h^(q + 1)).
    cite : str
        Publication of the second weights.

    Notes
    -----
    Source: Hairer, Nørsett & Wanner (1993), section II.4.
    """

    tableau: ButcherTableau
    lower: tuple[Coefficient, ...]
    lower_order: int
    cite: str

    @cached_property
    def error(self) -> tuple[float, ...]:
        """The weights e of the estimate ``h sum_i e[i] k_i``, which is the difference of both solutions."""
        return tuple(float(b - low) for b, low in zip(self.tableau.b, self.lower, strict=True))

    @property
    def last_is_first(self) -> bool:
        """True if the last stage is the slope at the end of the step, and so the first of the next step."""
        return self.tableau.a[-1] == self.tableau.b[:-1] and not self.tableau.b[-1]


def _with_end_slope(name: str, method: ButcherTableau) -> ButcherTableau:
    """Return a method with one more stage, of weight zero: the slope at the end of the step."""
    return ButcherTableau(
        name=name,
        order=method.order,
        a=(*method.a, method.b),
        b=(*method.b, Q(0)),
        c=(*method.c, Q(1)),
        cite=method.cite,
    )


_HEUN = EmbeddedPair(
    tableau=TABLEAUS["heun"],
    lower=(Q(1), Q(0)),
    lower_order=1,
    cite="Euler's method, embedded in Heun's",
)
_BOSH3 = EmbeddedPair(
    tableau=_with_end_slope("bosh3", TABLEAUS["ralston3"]),
    lower=(Q(7, 24), Q(1, 4), Q(1, 3), Q(1, 8)),
    lower_order=2,
    cite="Bogacki & Shampine (1989), Applied Mathematics Letters 2",
)
_DOPRI5 = EmbeddedPair(
    tableau=_with_end_slope("dopri5", TABLEAUS["dopri5"]),
    lower=(Q(5179, 57600), Q(0), Q(7571, 16695), Q(393, 640), Q(-92097, 339200), Q(187, 2100), Q(1, 40)),
    lower_order=4,
    cite="Dormand & Prince (1980): RK5(4)7M",
)

PAIRS: Mapping[str, EmbeddedPair] = MappingProxyType(
    {pair.tableau.name: pair for pair in (_HEUN, _BOSH3, _DOPRI5)}
)
"""The pair of every method by which `ODELayer` controls its steps."""


def find_pair(solver: object) -> EmbeddedPair:
    """Return the pair of this name.

    Raises
    ------
    ValueError
        If no pair has this name.
    """
    if not isinstance(solver, str) or solver not in PAIRS:
        raise ValueError(
            f"solver must be one of {', '.join(PAIRS)} where rtol and atol control the steps, "
            f"got {solver!r}; choose one of these, or give n_steps in place of the tolerances"
        )
    return PAIRS[solver]
