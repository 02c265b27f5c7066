"""Seconds of a layer, as multiples of those of plain backpropagation in the same run."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nodecheck.backends.torch.memory.wide import WIDTHS, WideUse
from nodecheck.layers import TorchLayer
from nodecheck.measure.budget import timed
from nodecheck.measure.memory.ladder import LADDER, at_level
from nodecheck.measure.memory.pass_memory import garbage_kept

# A state of 8 192 numbers: an evaluation of its field takes a quarter of a millisecond, fifty times what
# Python and torch need to call an operator.  All other layers wait meanwhile, so it is no wider.
_WIDTH = 4096
# On the way there: what costs the square or the cube of the width is seen in time.
_PILOTS = (WIDTHS[0], 512, 1024)
_LEVEL = LADDER[0]
# An odd number: the median of three withstands one disturbance, and what waits is not counted at all.
_REPEATS = 3


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


def seconds_beside_plain_backprop(layer: TorchLayer, budget: float = math.inf) -> SecondsBeside | None:
    """Return the seconds of a layer beside those of a bare loop over the same field.

    The loop is the least that backpropagation through a solver can do: as many evaluations as the layer makes
    in its forward pass, each added to the state.  The two take turns, so that a machine that slows down slows
    both down; seconds are those of this thread on the processor, so what else runs does not count.  None if
    that would take more than `budget` seconds, which a layer with dense matrices would.
    """
    with _one_thread(), garbage_kept():
        if not _affordable(layer, budget):
            return None
        problem, resolution = at_level(layer, _LEVEL, _WIDTH)
        use = WideUse(layer, problem, resolution)
        _, warm_up = timed(_timed, use)
        if _REPEATS * warm_up > budget:
            return None
        evaluations = len(use.dynamics.trace.times("forward"))
        plain = WideUse(_PLAIN, problem, evaluations)
        rounds = [(_timed(use), _timed(plain)) for _ in range(_REPEATS)]
    of_layer, of_plain = (_medians(found) for found in zip(*rounds, strict=True))
    if not min(of_plain.forward, of_plain.backward) > 0:
        return None  # the clock of this machine is too coarse
    return SecondsBeside(of_layer, of_plain, evaluations)


def _affordable(layer: TorchLayer, budget: float) -> bool:
    """Whether a pass with the wide state will take less than `budget`, seen from narrower ones.

    Seconds grow from one width to the next by one power more than they did last: small states hide it.
    """
    done: list[tuple[int, float]] = []
    for width, following in itertools.pairwise((*_PILOTS, _WIDTH)):
        use = WideUse(layer, *at_level(layer, _LEVEL, width))
        _, taken = timed(_timed, use)
        done.append((width, taken))
        power = 1 + (_power(*done[-2:]) if len(done) > 1 else 1.0)
        if taken * (following / width) ** power > budget:
            return False
    return True


def _power(first: tuple[int, float], second: tuple[int, float]) -> float:
    return max(0.0, math.log(second[1] / first[1]) / math.log(second[0] / first[0]))


def _bare_loop(dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> Callable[[Tensor], Tensor]:
    h = (t1 - t0) / n_steps

    def solve(y: Tensor) -> Tensor:
        for i in range(n_steps):
            y = y + h * dynamics(t0 + i * h, y)
        return y

    return solve


_PLAIN = TorchLayer("plain backprop", _bare_loop)


def _timed(use: WideUse) -> Seconds:
    use.forget()
    start = time.thread_time()
    y1 = use.forward()
    middle = time.thread_time()
    use.backward(y1)
    return Seconds(middle - start, time.thread_time() - middle)


def _medians(found: tuple[Seconds, ...]) -> Seconds:
    return Seconds(statistics.median(s.forward for s in found), statistics.median(s.backward for s in found))


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
