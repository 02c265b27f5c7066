"""One pass of a layer on a wide state, and all that it holds while it lasts."""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from nodecheck.backends.torch.memory.live import live_bytes
from nodecheck.backends.torch.memory.saved import SavedBytes, hooks_refused
from nodecheck.backends.torch.memory.wide import WideUse
from nodecheck.layers import TorchLayer
from nodecheck.layers.attempt import Refusal, attempt
from nodecheck.problems import Problem


@dataclass(frozen=True)
class Pass:
    """Bytes and counts of one forward and one backward pass; None: not measured.

    `courses` are the bytes alive in the course of each pass, from which `at_most_states` finds the moment.
    """

    saved: float | None
    held: float | None
    forward: float | None
    backward: float | None
    evaluations: tuple[int, int]
    products: int
    forward_times: tuple[float, ...]
    backward_times: tuple[float, ...]
    state_bytes: int
    courses: tuple[Sequence[int], Sequence[int]] = field(default=((), ()), repr=False, compare=False)


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
            backward, courses = alive.peak, (course, alive.course)
    trace = use.dynamics.trace
    ahead, back = tuple(trace.times("forward")), tuple(trace.times("backward"))
    counts = (len(ahead), len(back))
    return Pass(saved, held, forward, backward, counts, use.products, ahead, back, use.state_bytes, courses)


def at_most_states(narrow: Pass, wide: Pass) -> tuple[Pass, Pass]:
    """Return two passes with the bytes that they hold when most states are alive, in place of their peaks.

    A peak is the most of states and other bytes together: where a time grid of many steps is made of several
    temporary ones, they are that most, more or less so at each size of the state.  What grows with the
    state at one moment of both passes is states.  Where the moments cannot be told, or do not correspond, the
    peaks stay.
    """
    ahead = _at_most_states(*(one.courses[0] for one in (narrow, wide)))
    back = _at_most_states(*(one.courses[1] for one in (narrow, wide)))
    small, large = (
        replace(
            one,
            forward=ahead[k] if ahead else one.forward,
            backward=back[k] if back else one.backward,
            courses=((), ()),
        )
        for k, one in enumerate((narrow, wide))
    )
    return small, large


def _at_most_states(narrow: Sequence[int], wide: Sequence[int]) -> tuple[int, int] | None:
    """Return the bytes of both courses where they differ most, if they correspond."""
    small, large = (np.asarray(course, dtype=np.int64) for course in (narrow, wide))
    if not small.size or small.size != large.size:
        return None
    k = int(np.argmax(large - small))
    return int(small[k]), int(large[k])


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
