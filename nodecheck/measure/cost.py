"""Seconds of a layer, as multiples of those of plain backpropagation in the same run."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodecheck.layers import LayerUnderTest, Solve
from nodecheck.layers.layer import TorchLayer
from nodecheck.layers.solution import Readings
from nodecheck.measure.budget import timed
from nodecheck.measure.memory.ladder import at_level
from nodecheck.numerics.constants import (
    MEMORY_LADDER,
    SECONDS_PILOT_WIDTHS,
    SECONDS_REPEATS,
    SECONDS_WIDTH,
)

_LEVEL = MEMORY_LADDER[0]


@dataclass(frozen=True)
class Seconds:
    """Seconds of the processor in one forward and one backward pass."""

    forward: float
    backward: float


@dataclass(frozen=True)
class SecondsBeside:
    """Medians of a layer, and of plain backpropagation through as many evaluations of the field."""

    layer: Seconds
    plain: Seconds
    evaluations: int

    def __str__(self) -> str:
        forward = self.layer.forward / self.plain.forward
        backward = self.layer.backward / self.plain.backward
        return (
            f"{forward:.2g} × plain backprop forward, {backward:.2g} × backward "
            f"({self.evaluations} evaluations each, one thread)"
        )


def seconds_beside_plain_backprop(layer: LayerUnderTest, budget: float = math.inf) -> SecondsBeside | None:
    """Return the seconds of a layer beside those of a bare loop over the same field.

    The loop is the least that backpropagation through a solver can do: as many evaluations as the layer makes
    in its forward pass, each added to the state.  The two take turns, so that a machine that slows down slows
    both down; seconds are those of this thread on the processor, so what runs beside it does not count.  None
    if that would take more than `budget` seconds, which a layer with dense matrices would.
    """
    if not _affordable(layer, budget):
        return None
    solve = at_level(layer, _LEVEL, SECONDS_WIDTH)
    evaluations = layer.fresh(solve).evaluations
    loop = LayerUnderTest(
        _BARE_LOOP, layer.profile, layer.seed, layer.backend, device=layer.device, dtype=layer.dtype
    )
    plain = Solve(solve.problem, evaluations)
    rounds = [(_seconds(layer, solve), _seconds(loop, plain)) for _ in range(SECONDS_REPEATS)]
    of_layer, of_plain = (_medians(found) for found in zip(*rounds, strict=True))
    if not min(of_plain.forward, of_plain.backward) > 0:
        return None  # the clock of this machine is too coarse
    return SecondsBeside(of_layer, of_plain, evaluations)


def _affordable(layer: LayerUnderTest, budget: float) -> bool:
    """Return True if all passes with the wide state will take less than `budget`, seen from narrower ones.

    Seconds grow from one width to the next by one power more than they did last: small states hide it.
    """
    done: list[tuple[int, float]] = []
    for width, following in itertools.pairwise((*SECONDS_PILOT_WIDTHS, SECONDS_WIDTH)):
        solve = at_level(layer, _LEVEL, width)
        _, taken = timed(layer.fresh, solve, (np.ones_like(solve.problem.y0),))
        done.append((width, taken))
        power = 1 + (_power(*done[-2:]) if len(done) > 1 else 1.0)
        if SECONDS_REPEATS * taken * (following / width) ** power > budget:
            return False
    return True


def _power(first: tuple[int, float], second: tuple[int, float]) -> float:
    return max(0.0, math.log(second[1] / first[1]) / math.log(second[0] / first[0]))


def _bare_loop(dynamics: Any, t0: float, t1: float, n_steps: int) -> Any:
    h = (t1 - t0) / n_steps

    def solve(y: Any) -> Any:
        for i in range(n_steps):
            y = y + h * dynamics(t0 + i * h, y)
        return y

    return solve


_BARE_LOOP = TorchLayer("plain backprop", _bare_loop)


def _seconds(layer: LayerUnderTest, solve: Solve) -> Seconds:
    cotangents = (np.ones_like(solve.problem.y0),)
    readings: Readings | None = layer.fresh(solve, cotangents, instruments=("seconds",)).readings
    assert readings is not None
    assert readings.seconds is not None
    return Seconds(*readings.seconds)


def _medians(found: tuple[Seconds, ...]) -> Seconds:
    return Seconds(statistics.median(s.forward for s in found), statistics.median(s.backward for s in found))
