"""States that every further use of a layer leaves in memory."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import numpy as np

from nodecheck.backends.torch.memory.arrays import numpy_bytes
from nodecheck.backends.torch.memory.garbage import garbage_kept
from nodecheck.backends.torch.memory.live import live_bytes
from nodecheck.backends.torch.memory.watched import Watched
from nodecheck.layers import Array, Gain, Solve, TorchLayer
from nodecheck.numerics.constants import LEAK_USES, LEAK_WARM_UP_USES


def gains(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array], used: Watched) -> tuple[Gain, ...]:
    """Return the gains of a layer without and with a backward pass, and those in NumPy arrays.

    `used` is the layer built and used before.
    """
    return (
        _tensors("forward only", Watched(layer, solve, ())),
        _tensors("forward and backward", Watched(layer, solve, cotangents)),
        _arrays(used),
    )


def _tensors(name: str, use: Watched) -> Gain:
    """Return the states by which the live tensors grow with each use."""
    held = []
    with garbage_kept(), live_bytes(use.y0.device) as alive:
        use_repeatedly(use, LEAK_WARM_UP_USES)
        gc.collect()
        start = alive.live
        for _ in range(LEAK_USES):
            _once(use)
            held.append(alive.live)
        gc.collect()
        kept = (alive.live - start) / LEAK_USES
    slope = float(np.polyfit(range(LEAK_USES), held, 1)[0])
    return Gain(name, slope / use.state_bytes, kept / use.state_bytes)


def _arrays(use: Watched) -> Gain:
    """Return the states by which the NumPy arrays grow with each use, garbage collected.

    Fewer uses than for tensors, because counting them takes long, and is exact.
    """

    def several() -> None:
        use_repeatedly(use, LEAK_WARM_UP_USES)
        gc.collect()

    several()
    with garbage_kept():
        kept = numpy_bytes(several)[1] / LEAK_WARM_UP_USES / use.state_bytes
    return Gain("NumPy arrays", kept, kept)


def use_repeatedly(use: Watched, count: int) -> None:
    """Use a layer as so many steps of training do."""
    for _ in range(count):
        _once(use)


def _once(use: Watched) -> None:
    """Use the layer as a step of training does, and drop everything that this function knows of."""
    y1 = use.forward()
    use.backward(y1)
    del y1
    use.forget()
