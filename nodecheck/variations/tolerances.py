"""Other units of the state and of the absolute tolerance: a right layer takes the same steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nodecheck.layers import LayerUnderTest, largest_entry
from nodecheck.numerics.constants import BOTH_TOLERANCES, FEW_EVALUATIONS_OF_BOTH, TOLERANCE_UNIT
from nodecheck.problems import Array, Problem, spiral

UNITS = (TOLERANCE_UNIT, 1 / TOLERANCE_UNIT)


@dataclass(frozen=True)
class _InUnits:
    """A vector field where state and parameters are `unit` times as large; by value, as problems are."""

    unit: float
    field: Callable[..., Array]

    def __call__(self, t: Array, y: Array, /, **params: Array) -> Array:
        """Return unit f(t, y / unit, params / unit)."""
        usual = {name: value / self.unit for name, value in params.items()}
        return self.unit * self.field(t, y / self.unit, **usual)


@dataclass(frozen=True)
class Work:
    """Evaluations of the field in the forward and in the backward pass."""

    forward: int
    backward: int

    def change(self, usual: Work) -> float:
        """Return the factor by which either pass does more or less than usual."""
        pairs = ((self.forward, usual.forward), (self.backward, usual.backward))
        return max(max(a, b) / min(a, b) if min(a, b) else float(a != b) + 1 for a, b in pairs)


def in_units(layer: LayerUnderTest, unit: float) -> Problem:
    """Return a problem of which state, parameters and gradients are `unit` times those of the usual one.

    It depends on no time: the gradient with respect to time would be in units of the loss, unit squared.
    """
    usual = layer.counterpart(spiral)
    params = {name: unit * value for name, value in usual.params.items()}
    field = _InUnits(unit, usual.vector_field)
    return usual.replace(name="spiral_in_other_units", vector_field=field, y0=unit * usual.y0, params=params)


def _tolerances(layer: LayerUnderTest) -> tuple[float, float]:
    """Return the relative and the absolute tolerance: tight ones unless they are dear."""
    loose, tight = BOTH_TOLERANCES
    cheap = (
        layer.solve(layer.counterpart(spiral), loose[0], atol=loose[1]).evaluations <= FEW_EVALUATIONS_OF_BOTH
    )
    return tight if cheap else loose


def work_in_units(layer: LayerUnderTest, unit: float, *, exchanged: bool = False) -> Work:
    """Return the work where the absolute tolerance scales with the state; or, exchanged, the other argument.

    The cotangent scales as well, so that adjoint and parameter gradients do.
    """
    problem, (relative, absolute) = in_units(layer, unit), _tolerances(layer)
    tolerances = (unit * absolute, relative) if exchanged else (relative, unit * absolute)
    (cotangent,) = layer.cotangents(problem, 1)
    pullback = layer.pullback(problem, tolerances[0], unit * cotangent, atol=tolerances[1])
    forward = layer.solve(problem, tolerances[0], atol=tolerances[1]).evaluations
    return Work(forward, len(pullback.calls))


def effect(layer: LayerUnderTest, loose: tuple[float, float], tight: tuple[float, float]) -> float:
    """Return the change of y1 from one pair (rtol, atol) to another, in units of its rounding.

    Other steps give another y1; the same steps give the same one bit for bit.
    """
    usual, other = (layer.solve(layer.counterpart(spiral), rtol, atol=atol) for rtol, atol in (loose, tight))
    rounding = layer.roundoff(max(1, other.evaluations), largest_entry(other.y1))
    return float(np.max(np.abs(usual.y1 - other.y1))) / rounding
