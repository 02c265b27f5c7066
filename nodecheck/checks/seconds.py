"""Seconds of a layer, as multiples of those of plain backpropagation in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nodecheck.checks.footprints import garbage_kept
from nodecheck.checks.levels import LADDER, at_level
from nodecheck.layers import TorchLayer
from nodecheck.layers.wide import WideUse

# A state of 16 384 numbers: an evaluation of its field takes half a millisecond, a hundred times what Python
# and torch need to call an operator.
_WIDTH = 8192
_LEVEL = LADDER[1]
# An odd number: the median of five withstands two interruptions.
_REPEATS = 5


@dataclass(frozen=True)
class Seconds:
    """Seconds of one forward and one backward pass."""

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


def seconds_beside_plain_backprop(layer: TorchLayer) -> SecondsBeside:
    """Return the seconds of a layer beside those of a bare loop over the same field.

    The loop is the least that backpropagation through a solver can do: as many evaluations as the layer makes
    in its forward pass, each added to the state.  The two take turns, so that a machine that slows down slows
    both down; the medians still are those of this machine, today.
    """
    problem, resolution = at_level(layer, _LEVEL, _WIDTH)
    use = WideUse(layer, problem, resolution)
    with _one_thread(), garbage_kept():
        use.backward(use.forward())  # warm-up
        evaluations = len(use.dynamics.trace.times("forward"))
        plain = WideUse(_PLAIN, problem, evaluations)
        rounds = [(_timed(use), _timed(plain)) for _ in range(_REPEATS)]
    of_layer, of_plain = zip(*rounds, strict=True)
    return SecondsBeside(_medians(of_layer), _medians(of_plain), evaluations)


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
    start = time.perf_counter()
    y1 = use.forward()
    middle = time.perf_counter()
    use.backward(y1)
    return Seconds(middle - start, time.perf_counter() - middle)


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
