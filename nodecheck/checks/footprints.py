"""Footprints: what a layer holds in one pass, in states, over a ladder of steps."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from nodecheck.checks.base import Inconclusive, Refusal, attempt
from nodecheck.growth import FEWEST_LEVELS, FLOOR_IN_STATES, GrowthFit, fit_law, states_held
from nodecheck.instruments import SavedBytes, hooks_refused, live_bytes, numpy_bytes
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.layers.wide import WIDTHS, WideUse, wide
from nodecheck.problems import Problem
from nodecheck.profiles import Profile

# Squares: a scheme with √n segments of √n steps then has no segment that is shorter than the others, and
# its counts no jitter.  The same numbers are the lengths of the interval for adaptive layers.
LADDER = (4, 9, 16, 25, 36, 64, 100, 144, 256, 576, 1296, 2304, 5184, 10_000)
# Steps must follow from the length of the interval; how exactly they are placed does not matter.
_LOOSE_TOLERANCE = 10.0**-3
# At this tolerance a step of an embedded pair is about one unit long and costs four to seven evaluations.
_LEVELS_PER_TIME = 2.0
# The peak is that of a rejected step, and on short intervals none is rejected: start behind the first ones.
_START_UP = 4.0


@dataclass(frozen=True)
class Pass:
    """Bytes and counts of one forward and one backward pass; None: not measured."""

    saved: int | None
    held: int | None
    forward: int | None
    backward: int | None
    evaluations: tuple[int, int]
    products: int
    backward_times: tuple[float, ...]
    state_bytes: int


@dataclass(frozen=True)
class Footprints:
    """What a layer holds, in states, at every level of a ladder.

    Attributes
    ----------
    n
        Number of steps; of evaluations in the forward pass where those are not proportional to steps.
    saved, held, forward, backward
        States held for backward according to the saved-tensor hooks, states alive between the passes, and
        most states alive in each pass; None where it was not measured or, for `saved`, hooks are refused.
    arrays
        States held in NumPy arrays between the passes.
    passes
        The passes with the wider state.
    """

    n: tuple[float, ...]
    unit: str
    saved: tuple[float, ...] | None
    held: tuple[float, ...] | None
    forward: tuple[float, ...] | None
    backward: tuple[float, ...] | None
    arrays: tuple[float, ...]
    passes: tuple[Pass, ...]

    @property
    def between(self) -> tuple[float, ...] | None:
        """States really held between the passes, wherever they are kept."""
        return None if self.held is None else _sum(self.held, self.arrays)

    @property
    def peak(self) -> tuple[float, ...] | None:
        """Most states held at any time in forward and backward, wherever they are kept."""
        if self.forward is None:
            return None
        highest = self.forward if self.backward is None else tuple(map(max, self.forward, self.backward))
        return _sum(highest, self.arrays)

    @property
    def states(self) -> tuple[float, ...]:
        """The counts that decide: those at the peak, or where only the hooks were used, the saved ones."""
        states = self.peak or self.saved
        assert states is not None
        return states

    def fit(self, states: tuple[float, ...]) -> GrowthFit:
        """Return the growth laws that a series of state counts allows."""
        return fit_law(self.n, states)


def _sum(left: tuple[float, ...], right: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True))


def footprints(layer: LayerUnderTest, *, live: bool, device: str = "cpu") -> Footprints:
    """Return the footprints of a layer over the ladder of its profile, measured once.

    Without `live` only the forward pass is run, and only what autograd saves is counted.

    Raises
    ------
    Inconclusive
        If asking for more steps does not make the layer take more.
    """
    key = ("footprints", live, device)
    return layer.once(key, lambda: _footprints(layer.claims, layer.profile, live, device))


def _footprints(layer: TorchLayer, profile: Profile, live: bool, device: str) -> Footprints:
    levels = list(measured_levels(layer, profile.memory_evaluations, live=live, device=device))
    return summarise(layer, levels)


def measured_levels(
    layer: TorchLayer,
    evaluations: int,
    *,
    live: bool,
    device: str = "cpu",
    ladder: tuple[int, ...] = LADDER,
    widths: tuple[int, int] = WIDTHS,
) -> Iterator[tuple[int, tuple[Pass, ...]]]:
    """Yield (level, one pass for each state size) until a level costs more than `evaluations`."""
    measure(layer, *at_level(layer, ladder[0], widths[0]), live=live, device=device)  # warm-up
    for k, level in enumerate(ladder):
        passes = tuple(
            measure(layer, *at_level(layer, level, width), live=live, device=device) for width in widths
        )
        yield level, passes
        enough = k + 1 >= FEWEST_LEVELS
        following = passes[0].evaluations[0] * (ladder[k + 1] / level if k + 1 < len(ladder) else 1.0)
        if enough and following > evaluations:
            return


def at_level(layer: TorchLayer, level: int, width: int) -> tuple[Problem, float]:
    """Return the problem and the resolution of a level: so many steps, or an interval so long."""
    return (
        (wide(width, _START_UP + level / _LEVELS_PER_TIME), _LOOSE_TOLERANCE)
        if layer.adaptive
        else (wide(width), level)
    )


def summarise(
    layer: TorchLayer, levels: list[tuple[int, tuple[Pass, ...]]], widths: tuple[int, int] = WIDTHS
) -> Footprints:
    """Return the footprints that measured levels amount to."""
    ladder = [level for level, _ in levels]
    wider = tuple(passes[-1] for _, passes in levels)
    n, unit = _abscissa(layer, ladder, [p.evaluations[0] for p in wider])

    def states(pick: Callable[[Pass], int | None]) -> tuple[float, ...] | None:
        found = [([p.state_bytes for p in passes], [pick(p) for p in passes]) for _, passes in levels]
        if any(value is None for _, values in found for value in values):
            return None
        return tuple(states_held(sizes, [v or 0 for v in values]) for sizes, values in found)

    return Footprints(
        n,
        unit,
        states(lambda p: p.saved),
        states(lambda p: p.held),
        states(lambda p: p.forward),
        states(lambda p: p.backward),
        _array_states(layer, ladder, widths),
        wider,
    )


def _abscissa(layer: TorchLayer, ladder: list[int], evaluations: list[int]) -> tuple[tuple[float, ...], str]:
    """Return steps where evaluations are an affine function of them, else evaluations."""
    if evaluations[-1] <= evaluations[0]:
        message = (
            f"the number of steps cannot be changed: asked for {ladder[0]} and for {ladder[-1]}, "
            f"the layer evaluates the field {evaluations[0]} and {evaluations[-1]} times"
        )
        raise Inconclusive(message)
    first, per_step = evaluations[0], (evaluations[1] - evaluations[0]) / (ladder[1] - ladder[0])
    affine = all(e == first + per_step * (n - ladder[0]) for n, e in zip(ladder, evaluations, strict=True))
    if affine and not layer.adaptive:
        return tuple(map(float, ladder)), "steps"
    return tuple(map(float, evaluations)), "evaluations"


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
    times = tuple(trace.times("backward"))
    counts = (len(trace.times("forward")), len(times))
    return Pass(saved, held, forward, backward, counts, use.products, times, use.state_bytes)


@contextmanager
def garbage_kept() -> Iterator[None]:
    """Switch the garbage collector off, so that counts do not depend on when it runs.

    What is there already is frozen: collecting inside looks at new objects only, and takes milliseconds.
    """
    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def _array_states(layer: TorchLayer, ladder: list[int], widths: tuple[int, int]) -> tuple[float, ...]:
    """Return the states held in NumPy arrays at each level.

    Almost always none, so the middle of the ladder is looked at only if its ends differ.
    """

    def held(level: int) -> float:
        found = [_array_bytes(layer, *at_level(layer, level, width)) for width in widths]
        return states_held([size for size, _ in found], [count for _, count in found])

    few, many = held(ladder[0]), held(ladder[:FEWEST_LEVELS][-1])
    if abs(many - few) <= FLOOR_IN_STATES:
        return (0.0,) * len(ladder)
    return tuple(held(level) for level in ladder)


def _array_bytes(layer: TorchLayer, problem: Problem, resolution: float) -> tuple[int, int]:
    use = WideUse(layer, problem, resolution)
    y1, count = numpy_bytes(use.forward)
    del y1
    return use.state_bytes, count
