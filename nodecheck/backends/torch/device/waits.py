"""How often the host waits for the device in one use of a layer."""

from __future__ import annotations

from collections.abc import Sequence

from nodecheck.backends.torch.device.accelerator import accelerator_of
from nodecheck.backends.torch.memory.watched import Watched
from nodecheck.layers import Array, Readings, Solution, Solve, TorchLayer


def count_waits(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return one use after another that does not count, with the waits of each pass.

    The dynamics reads no time meanwhile, and so makes nobody wait.
    """
    use, accelerator = Watched(layer, solve, cotangents), accelerator_of(solve.device)
    use.dynamics.trace.reads = False
    use.backward(use.forward())
    use.forget()
    accelerator.synchronize()
    with accelerator.waits() as waits:
        y1 = use.forward()
        forward = waits()
        use.backward(y1)
        both = waits()
    return use.solution(y1, Readings(use.state_bytes, waits=(forward, both - forward)))
