"""The rounding error of a layer in a narrow dtype, measured at neighbouring initial states."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nodecheck.layers import Array, LayerUnderTest, Solve
from nodecheck.numerics import LARGEST_WEIGHTS, rms
from nodecheck.numerics.constants import NEIGHBOUR_ROUNDINGS, NEIGHBOUR_SALT, NOISE_OF_SECOND_DIFFERENCE
from nodecheck.problems import Problem

_STATE = "y1"


def state_floor(layer: LayerUnderTest, problem: Problem, n_steps: int) -> float:
    """Return the rounding error of y1 after n steps, relative to its size."""
    return _floor(layer, n_steps, noise(layer, problem, n_steps, gradients=False))


def gradient_floors(layer: LayerUnderTest, problem: Problem, n_steps: int) -> dict[str, float]:
    """Return the rounding error of the gradient of each group after n steps, relative to its size."""
    found = noise(layer, problem, n_steps) if layer.narrow else {}
    return {group: _floor(layer, n_steps, found, group) for group in problem.groups}


def _floor(layer: LayerUnderTest, n_steps: int, found: Mapping[str, float], name: str = _STATE) -> float:
    """Return the measured rounding error: no less than the usual one, and no more than weights explain.

    The weights of a method may cancel, and enlarge what is rounded.  What is beyond that is no rounding to
    the dtype.
    """
    usual = layer.floor(n_steps)
    return min(max(usual, found.get(name, 0.0)), LARGEST_WEIGHTS * usual) if layer.narrow else usual


def noise(
    layer: LayerUnderTest, problem: Problem, n_steps: int, *, gradients: bool = True
) -> dict[str, float]:
    """Return the rounding error of y1, or of the gradient of each group, relative to its size.

    From one initial state to its neighbours the exact answers move along a line, to the square of a distance
    of a few units in the last place.  Whatever else is between them was rounded away.
    """

    def measured() -> dict[str, float]:
        below, here, above = (_answers(layer, p, n_steps, gradients) for p in _neighbours(layer, problem))
        return {
            name: rms(above[name] + below[name] - 2 * value)
            / NOISE_OF_SECOND_DIFFERENCE
            / (rms(value) or 1.0)
            for name, value in here.items()
        }

    return layer.once(("noise", problem, n_steps, gradients), measured) if layer.narrow else {}


def _neighbours(layer: LayerUnderTest, problem: Problem) -> tuple[Problem, Problem, Problem]:
    """Return the problem between two with y0 a few units in the last place away, in opposite directions."""
    signs = layer.rng(NEIGHBOUR_SALT).choice([-1.0, 1.0], problem.y0.shape)
    step = NEIGHBOUR_ROUNDINGS * layer.eps * np.maximum(np.abs(problem.y0), rms(problem.y0)) * signs
    below, above = (layer.rounded(problem.replace(y0=problem.y0 + s * step)) for s in (-1, 1))
    return below, problem, above


def _answers(layer: LayerUnderTest, problem: Problem, n_steps: int, gradients: bool) -> dict[str, Array]:
    if not gradients:
        return {_STATE: layer.solve(problem, n_steps).y1}
    (cotangent,) = layer.cotangents(problem, 1)
    (found,) = layer.pullbacks(Solve(problem, n_steps), [cotangent])
    return {name: value for name, value in found.gradients.items() if value is not None}
