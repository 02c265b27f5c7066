"""One pass of a layer on a wide state, and all that it holds while it lasts."""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from nodecheck.checks.base import Refusal, attempt
from nodecheck.instruments import SavedBytes, hooks_refused, live_bytes
from nodecheck.layers import TorchLayer
from nodecheck.layers.wide import WideUse
from nodecheck.problems import Problem


@dataclass(frozen=True)
class Pass:
    """Bytes and counts of one forward and one backward pass; None: not measured."""

    saved: float | None
    held: float | None
    forward: float | None
    backward: float | None
    evaluations: tuple[int, int]
    products: int
    forward_times: tuple[float, ...]
    backward_times: tuple[float, ...]
    state_bytes: int


def measure(
    layer: TorchLayer, problem: Problem, resolution: float, *, live: bool, device: str = "cpu"
) -> Pass:
    """Return what one forward pass, and with `live` one backward pass, holds at most and in between."""
    use = WideUse(layer, problem, resolution, device)
    outcome = attempt(lambda: _measure(use, live=live, hooks=True))
    if isinstance(outcome, Refusal):
        if not hooks_refused(outcome.error):
            raise outcome.error
        use = WideUse(layer, problem, resolution, device)
        return _measure(use, live=True, hooks=False)
    return outcome


def _measure(use: WideUse, *, live: bool, hooks: bool) -> Pass:
    saved, held, forward, backward = None, None, None, None
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
            held, forward = alive.live, alive.peak
            alive.restart()
            use.backward(y1)
            backward = alive.peak
    trace = use.dynamics.trace
    ahead, back = tuple(trace.times("forward")), tuple(trace.times("backward"))
    counts = (len(ahead), len(back))
    return Pass(saved, held, forward, backward, counts, use.products, ahead, back, use.state_bytes)


@functools.cache  # counting them takes twenty milliseconds
def _frozen_from_the_start() -> bool:
    """Whether this process has told the garbage collector to leave alone what was there when it began."""
    return gc.get_freeze_count() > 0


@contextmanager
def garbage_kept() -> Iterator[None]:
    """Switch the garbage collector off, so that counts do not depend on when it runs.

    What is there already is frozen, unless somebody has done so before: collecting inside looks at new
    objects only, and takes milliseconds.
    """
    enabled, frozen = gc.isenabled(), _frozen_from_the_start()
    gc.disable()
    if not frozen:
        gc.freeze()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()
        if enabled:
            gc.enable()
