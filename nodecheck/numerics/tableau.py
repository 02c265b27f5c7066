"""Butcher tableau: the coefficients of one explicit Runge-Kutta method."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from nodecheck.numerics.constants import EPS

__all__ = ["ButcherTableau", "Coefficient"]

Coefficient = float | Fraction
"""A coefficient: a float, or a `Fraction` where the method is published in rational numbers."""


@dataclass(frozen=True)
class ButcherTableau:
    """The coefficients of one explicit Runge-Kutta method.

    A step of size h from (t, y) evaluates, for stage i = 0, 1, ..., s - 1,
    ``k_i = f(t + c[i] h, y + h sum_j a[i][j] k_j)`` and ends at ``y + h sum_i b[i] k_i``.

    Parameters
    ----------
    name : str
        The name of the method in messages and in ``ODELayer(..., solver=name)``.
    order : int
        The order of the method: its global error is O(h^order).
    a : tuple of tuples
        Row i holds the i coefficients left of the diagonal, so row 0 is empty.
    b, c : tuples
        The s weights and the s nodes.
    cite : str
        Publication of the coefficients.

    Raises
    ------
    ValueError
        If the method is not explicit, a row of `a` does not sum to its node, the weights do not sum to
        one, a coefficient is not finite, or the sizes disagree.

    Notes
    -----
    Source: Hairer, Nørsett & Wanner (1993), section II.1, whose (1.9) is ``sum_j a[i][j] == c[i]``.
    """

    name: str
    order: int
    a: tuple[tuple[Coefficient, ...], ...]
    b: tuple[Coefficient, ...]
    c: tuple[Coefficient, ...]
    cite: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.order, bool) or not isinstance(self.order, int) or self.order < 1:
            raise ValueError(
                f"order of tableau {self.name!r} must be a positive integer, got {self.order!r}; "
                "state the order of the row b"
            )
        self._check_sizes()
        for i, (row, node) in enumerate(zip(self.a, self.c, strict=True)):
            self._check_sum(f"row {i} of a", row, node, f"correct the row, or set c[{i}] to its sum")
        self._check_sum("the weights b", self.b, 1, "correct b: this is consistency")

    @property
    def stages(self) -> int:
        """The number of evaluations of the vector field per step."""
        return len(self.b)

    @cached_property
    def rounded(self) -> ButcherTableau:
        """The same method in floats: a `Fraction` is exact, but its conversion at every stage is too slow."""
        return ButcherTableau(
            name=self.name,
            order=self.order,
            a=tuple(tuple(float(x) for x in row) for row in self.a),
            b=tuple(float(x) for x in self.b),
            c=tuple(float(x) for x in self.c),
            cite=self.cite,
        )

    def _check_sizes(self) -> None:
        s = self.stages
        if not s == len(self.a) == len(self.c):
            raise ValueError(
                f"tableau {self.name!r} must have as many rows a as weights b and nodes c, "
                f"got {len(self.a)} rows, {s} weights and {len(self.c)} nodes; give one of each per stage"
            )
        for i, row in enumerate(self.a):
            if len(row) != i:
                raise ValueError(
                    f"tableau {self.name!r} must be explicit, row {i} of a holding {i} coefficients, "
                    f"got {len(row)}; leave out the diagonal and all entries to its right"
                )
        rows: tuple[tuple[Coefficient, ...], ...] = (*self.a, self.b, self.c)
        if bad := [x for row in rows for x in row if not math.isfinite(x)]:
            raise ValueError(
                f"tableau {self.name!r} must have finite coefficients, got {bad[0]!r}; correct it"
            )

    def _check_sum(self, what: str, terms: tuple[Coefficient, ...], total: Coefficient, advice: str) -> None:
        received = math.fsum(terms)
        # Each float coefficient may be wrong by half an ulp of its own size, and so may their sum.
        slack = EPS * (1.0 + math.fsum(abs(float(x)) for x in terms))
        if not abs(received - total) <= slack:
            raise ValueError(
                f"{what} of tableau {self.name!r} must sum to {float(total)!r}, got {received!r}; {advice}"
            )
