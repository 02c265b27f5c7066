"""Solves that instruments watch: used like any autograd function, without copies of the output."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import torch

from nodecheck.backends.torch.device.accelerator import ACCELERATORS, Accelerator, accelerator_of
from nodecheck.backends.torch.device.waits import count_waits
from nodecheck.backends.torch.memory.arrays import numpy_bytes
from nodecheck.backends.torch.memory.garbage import garbage_kept
from nodecheck.backends.torch.memory.leaks import gains, use_repeatedly
from nodecheck.backends.torch.memory.live import live_bytes
from nodecheck.backends.torch.memory.saved import SavedBytes, hooks_refused
from nodecheck.backends.torch.memory.watched import Watched
from nodecheck.layers import (
    Array,
    InstrumentError,
    Readings,
    Refusal,
    Solution,
    Solve,
    TorchLayer,
    attempt,
)
from nodecheck.numerics.constants import LEAK_USES, LEAK_WARM_UP_USES

INSTRUMENTS = ("saved", "live", "arrays", "seconds", "leaks", "products", "build", "waits")


def solve_with_instruments(
    layer: TorchLayer, solve: Solve, cotangents: Sequence[Array], instruments: Sequence[str]
) -> Solution:
    """Return the solution with the readings of the instruments.

    Raises
    ------
    InstrumentError
        If the layer raises beside the instruments and not without them: a dispatch mode cannot follow
        TorchScript.
    """
    found = attempt(lambda: _watched(layer, solve, cotangents, instruments))
    if not isinstance(found, Refusal):
        return found
    uses = LEAK_WARM_UP_USES + LEAK_USES if "leaks" in instruments else 1
    if isinstance(attempt(lambda: use_repeatedly(Watched(layer, solve, cotangents), uses)), Refusal):
        raise found.error
    message = (
        f"nodecheck's instruments ({', '.join(sorted(instruments))}) cannot follow the layer, which runs "
        f"without them: {found}"
    )
    raise InstrumentError(message) from found.error


def _watched(
    layer: TorchLayer, solve: Solve, cotangents: Sequence[Array], instruments: Sequence[str]
) -> Solution:
    """Return the solution with the readings, whatever is raised."""
    if "waits" in instruments:
        return count_waits(layer, solve, cotangents)
    if "leaks" in instruments:
        return _leaks(layer, solve, cotangents)
    if "build" in instruments:
        only_built = Watched(layer, solve, ())
        return only_built.solution(only_built.y0, Readings(only_built.state_bytes))
    if "seconds" in instruments:
        return _seconds(Watched(layer, solve, cotangents))
    if "arrays" in instruments:
        return _arrays(Watched(layer, solve, cotangents))
    hooks, live = "saved" in instruments, "live" in instruments
    use = Watched(layer, solve, cotangents)
    found = attempt(lambda: _bytes(use, live=live, hooks=hooks))
    if not isinstance(found, Refusal):
        return found
    if not hooks_refused(found.error):
        raise found.error
    return _bytes(Watched(layer, solve, cotangents), live=live, hooks=False)


def _bytes(use: Watched, *, live: bool, hooks: bool) -> Solution:
    """Return one use, and the bytes that are held in it."""
    saved, held, forward, backward = None, None, None, None
    courses: tuple[Sequence[int], Sequence[int]] = (), ()
    with ExitStack() as stack:
        stack.enter_context(garbage_kept())
        alive = stack.enter_context(live_bytes(use.y0.device)) if live else None
        if hooks:
            with SavedBytes() as seen:
                y1 = use.forward()
            saved = seen.held()
        else:
            y1 = use.forward()
        if alive is not None:
            held, forward, course = alive.live, alive.peak, alive.course
            alive.restart()
        use.backward(y1)
        if alive is not None:
            backward, courses = alive.peak, (course, alive.course)
    readings = Readings(use.state_bytes, use.products, saved, held, forward, backward, courses=courses)
    return use.solution(y1, readings)


def _arrays(use: Watched) -> Solution:
    """Return one forward pass, and the bytes of NumPy arrays that it leaves."""
    y1, count = numpy_bytes(use.forward)
    return use.solution(y1, Readings(use.state_bytes, arrays=count))


def _seconds(use: Watched) -> Solution:
    """Return one use, and the seconds that it takes; one that is not counted comes before."""
    if use.y0.device.type in ACCELERATORS:
        return _seconds_of_device(use, accelerator_of(str(use.y0.device)))
    with _one_thread(), garbage_kept():
        use.backward(use.forward())
        use.forget()
        clock, start = time.perf_counter(), time.thread_time()
        y1 = use.forward()
        middle = time.thread_time()
        use.backward(y1)
        end, wall = time.thread_time(), time.perf_counter() - clock
    readings = Readings(use.state_bytes, seconds=(middle - start, end - middle), wall_seconds=wall)
    return use.solution(y1, readings)


def _seconds_of_device(use: Watched, device: Accelerator) -> Solution:
    """Return the same by marks in the work of the device, which the host does not wait for."""
    use.dynamics.trace.reads = False
    with garbage_kept():
        use.backward(use.forward())
        use.forget()
        device.synchronize()
        clock, start = time.perf_counter(), device.mark()
        y1 = use.forward()
        middle = device.mark()
        use.backward(y1)
        end = device.mark()
        device.synchronize()
        wall = time.perf_counter() - clock
    taken = device.seconds(start, middle), device.seconds(middle, end)
    return use.solution(y1, Readings(use.state_bytes, seconds=taken, wall_seconds=wall))


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _leaks(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return one use, and the states that further uses leave behind."""
    use = Watched(layer, solve, cotangents)
    y1 = use.forward()
    use.backward(y1)
    found = use.solution(y1, Readings(use.state_bytes))
    del y1
    use.forget()
    return replace(found, readings=Readings(use.state_bytes, gains=gains(layer, solve, cotangents, use)))
