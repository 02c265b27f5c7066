"""Bytes that a layer holds in one forward and one backward pass on a wide state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nodecheck.layers import LayerUnderTest, Solve, times_of
from nodecheck.layers.solution import Solution


@dataclass(frozen=True)
class PassMemory:
    """Bytes and counts of one forward and one backward pass; None: not measured.

    Attributes
    ----------
    saved, held, forward, backward, courses
        As in `nodecheck.layers.Readings`.
    evaluations
        Evaluations of the field in each pass.
    products
        Vector-Jacobian products.
    forward_times, backward_times
        Times of the evaluations.
    state_bytes
        Size of the state.
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


def measure_pass(layer: LayerUnderTest, solve: Solve, *, live: bool) -> PassMemory:
    """Return the memory of one forward pass, and with `live` of one backward pass.

    A layer that refuses saved-tensor hooks is measured by live bytes in any case.
    """
    cotangents = (np.ones(solve.problem.output_shape),)
    if not live:
        found = layer.fresh(solve, instruments=("saved",))
        if found.readings is not None and found.readings.saved is not None:
            return _of(found)
    return _of(layer.fresh(solve, cotangents, instruments=("saved", "live")))


def _of(solution: Solution) -> PassMemory:
    readings = solution.readings
    assert readings is not None
    ahead = times_of(solution.calls)
    back = times_of(solution.pullbacks[0].calls) if solution.pullbacks else ()
    return PassMemory(
        readings.saved,
        readings.held,
        readings.forward,
        readings.backward,
        (len(ahead), len(back)),
        readings.products,
        ahead,
        back,
        readings.state_bytes,
        readings.courses,
    )


def at_most_states(narrow: PassMemory, wide: PassMemory) -> tuple[PassMemory, PassMemory]:
    """Return two passes with the bytes at the moment when most states are alive, in place of their peaks.

    At a peak states and all other bytes together are the most.  That may be another moment than the one with
    most states: when a time grid of many steps is made, say, and its temporary arrays outweigh the states.
    Both passes do the same things in the same order, so at each moment the difference of their bytes is that
    of their states.  The moment with most states is where this difference is largest.  If the courses of the
    bytes are not known, or differ in length, the peaks stay.
    """
    ahead = _at_most_states(narrow.courses[0], wide.courses[0])
    back = _at_most_states(narrow.courses[1], wide.courses[1])
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
