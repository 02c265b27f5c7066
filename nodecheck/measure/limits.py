"""The limit of a layer as its steps go to zero, and its error: the part that no refinement removes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nodecheck.layers import Array, LayerUnderTest
from nodecheck.measure.controls import control
from nodecheck.measure.convergence import enough_cotangents, exact_gradients, floor_of, judged_groups
from nodecheck.numerics import FLOOR_FACTOR, relative_error, rms
from nodecheck.numerics.constants import ESTIMATE_MARGIN
from nodecheck.numerics.extrapolation import limit
from nodecheck.problems import Problem
from nodecheck.reference import sensitivity
from nodecheck.results import Measurement, at_most


@dataclass(frozen=True)
class LimitError:
    """The relative error of an extrapolated value, its estimate by the ladder itself, and the floor."""

    error: float
    estimate: float
    floor: float

    def bound(self, of_control: float = 0.0) -> float:
        """Return the error that the ladder explains, or that our own solver leaves on the same ladder.

        The margin counts twice: once for the change, and once for the rate that is estimated from changes.
        """
        return ESTIMATE_MARGIN**2 * max(self.estimate, of_control) + self.floor


def state_limit(layer: LayerUnderTest, problem: Problem, order: int) -> dict[str, LimitError]:
    """Return the error of the limit of y1, by its name."""
    values = [layer.solve(problem, n).y1.astype(np.float64) for n in layer.ladder()]
    return {"y1": _limit_error(values, sensitivity(problem).y1, order, _floor(layer, problem))}


def gradient_limits(layer: LayerUnderTest, problem: Problem, order: int) -> dict[str, LimitError]:
    """Return the error of the limit of every gradient that arrives and can be judged, by group."""
    count = enough_cotangents(layer, problem)
    exact = exact_gradients(layer, problem, count)
    runs = [[run.gradients for run in layer.gradients(problem, n, count)] for n in layer.ladder()]
    return {
        group: _limit_error(
            [np.stack([np.asarray(found[group], dtype=np.float64) for found in level]) for level in runs],
            np.stack([e[group] for e in exact]),
            order,
            _floor(layer, problem),
        )
        for group in judged_groups(problem)
        if all(found[group] is not None for level in runs for found in level)
    }


def limit_measurements(
    layer: LayerUnderTest, order: int, problem: Problem, *, gradients: bool = False
) -> tuple[Measurement, ...]:
    """Return the errors of the limits, for those that our own solver of the order reaches on this ladder.

    An error that does not depend on the step hides below the error of a method of low order on every level,
    and not in the limit: a method of order p leaves less than h^(p+1) there.
    """
    own = control(layer, order)
    if own is None:
        return ()
    measure = gradient_limits if gradients else state_limit
    ours = measure(own, problem, order)
    return tuple(_judged(measure(layer, problem, order), ours, prefix="∂L/∂" if gradients else ""))


def _judged(
    found: Mapping[str, LimitError], ours: Mapping[str, LimitError], prefix: str
) -> Sequence[Measurement]:
    return [
        at_most(
            f"error of {prefix}{name}, extrapolated to a step of zero",
            limit_.error,
            limit_.bound(ours[name].error),
        )
        for name, limit_ in found.items()
        if ours[name].error <= ours[name].bound()
    ]


def _limit_error(values: Sequence[Array], exact: Array, order: int, floor: float) -> LimitError:
    found = limit(values, order)
    scale = rms(exact) or 1.0
    return LimitError(relative_error(found.value, exact), found.estimate / scale, floor * found.amplification)


def _floor(layer: LayerUnderTest, problem: Problem) -> float:
    return FLOOR_FACTOR * floor_of(layer, problem, layer.ladder()[-1])
