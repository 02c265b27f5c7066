"""Losses with a gradient penalty, and what the gradients of a layer hold of it, against the exact ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nodecheck.layers import Array, Gradients, LayerUnderTest, Variation
from nodecheck.layers.layer import DOUBLE_BACKWARD
from nodecheck.measure.convergence import Ladder, fit, require_refinable
from nodecheck.measure.noise import gradient_floors
from nodecheck.numerics import group_errors, rms
from nodecheck.numerics.constants import FAST_ORDER, SECOND_ORDER_LEVELS
from nodecheck.problems import Problem
from nodecheck.reference import PenaltyGradient, penalty_gradient


@dataclass(frozen=True)
class Penalty:
    """A loss L of y1 with weights w, and the penalty P that is added to it.

    Attributes
    ----------
    variation
        The use of the layer; it returns the gradients of L + P.
    words
        L and P, for reports.
    quadratic
        False for L = <w, y1>; True for L = <w, y1> + |y1|² / 2, whose cotangent depends on y1.
    of_parameters
        True if P is half the square of all gradients, False if of ∂L/∂y0 alone.
    """

    variation: Variation
    words: str
    quadratic: bool
    of_parameters: bool


_OF_LINEAR, _OF_QUADRATIC = (
    "L + |∂L/∂y0|²/2 with L = <w, y1>",
    "L + |∂L/∂y0|²/2 + |∂L/∂θ|²/2 with L = <w, y1> + |y1|²/2",
)
PENALTIES = (
    Penalty(
        Variation("penalty-of-linear-loss", f"for {_OF_LINEAR}", refusable=True, capability=DOUBLE_BACKWARD),
        _OF_LINEAR,
        quadratic=False,
        of_parameters=False,
    ),
    Penalty(
        Variation(
            "penalty-of-quadratic-loss", f"for {_OF_QUADRATIC}", refusable=True, capability=DOUBLE_BACKWARD
        ),
        _OF_QUADRATIC,
        quadratic=True,
        of_parameters=True,
    ),
)


def penalised(layer: LayerUnderTest, problem: Problem, resolution: float, penalty: Penalty) -> Gradients:
    """Return the gradients of L + P, where w is the first cotangent of the problem."""
    (weights,) = layer.cotangents(problem, 1)
    return layer.pullback(problem, resolution, weights, variation=penalty.variation).gradients


def exact_penalty(layer: LayerUnderTest, problem: Problem, penalty: Penalty) -> PenaltyGradient:
    """Return the exact gradients of L and of P."""
    (weights,) = layer.cotangents(problem, 1)
    return layer.once(
        ("exact penalty", problem, penalty),
        lambda: penalty_gradient(
            problem, weights, quadratic=penalty.quadratic, of_parameters=penalty.of_parameters
        ),
    )


def penalty_part(found: Gradients, exact: PenaltyGradient) -> dict[str, Array]:
    """Return gradients of L + P minus the exact ones of L; one that did not arrive counts as zero."""
    arrived = {name: found[name] for name in exact.loss}
    return {name: (0.0 if g is None else g) - exact.loss[name] for name, g in arrived.items()}


def penalty_error(found: Gradients, exact: PenaltyGradient) -> float:
    """Return the error of the gradients of L + P, relative to those of P in each group: the RMS over groups.

    All groups together: their RMS over dozens of numbers does not come close to zero by chance, as that of a
    few numbers for one cotangent may, and what is wrong in one group stays however fine the grid is.
    """
    part = penalty_part(found, exact)
    return rms(np.array([rms(part[g] - value) / rms(value) for g, value in exact.penalty.items()]))


def is_dropped(layer: LayerUnderTest, problem: Problem, resolution: float, penalty: Penalty) -> bool:
    """Return True if the gradients of L + P are those of L that the layer itself returns, to rounding."""
    (weights,) = layer.cotangents(problem, 1)
    solution = layer.solve(problem, resolution)
    cotangent = weights + solution.y1 if penalty.quadratic else weights
    alone = layer.pullback(problem, resolution, cotangent).gradients
    together = penalised(layer, problem, resolution, penalty)
    widest = max(value.size for value in problem.groups.values())
    rounding = layer.reordering * layer.roundoff(max(1, solution.evaluations) * widest)
    return all(value <= rounding for value in group_errors([together], [_arrived(alone, problem)]).values())


def _arrived(gradients: Gradients, problem: Problem) -> dict[str, Array]:
    """Return gradients with zeros for those that did not arrive."""
    found = {name: gradients[name] for name in problem.groups}
    return {name: np.zeros_like(problem.groups[name]) if g is None else g for name, g in found.items()}


def penalty_ladder(layer: LayerUnderTest, problem: Problem, penalty: Penalty, extra: int = 0) -> Ladder:
    """Return the errors over the coarse end of the refinement ladder, with `extra` levels more."""
    require_refinable(layer, problem)
    fewer = 1 if (layer.claims.order or 1) >= FAST_ORDER else 0
    levels = layer.usual_ladder(SECOND_ORDER_LEVELS - fewer + extra)
    exact = exact_penalty(layer, problem, penalty)
    errors = [penalty_error(penalised(layer, problem, n, penalty), exact) for n in levels]
    rounding = max(gradient_floors(layer, problem, levels[-1]).values())
    found = fit(levels, errors, max(exact.rtol, rounding))
    return replace(found, narrow=layer.narrow)
