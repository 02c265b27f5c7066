"""Footprints: the states that a layer holds in one pass, over a ladder of steps."""

from __future__ import annotations

import functools
import math
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from nodecheck.layers import LayerUnderTest, Refusal, attempt
from nodecheck.measure.budget import budget, seconds_ahead, timed, unless_out_of_memory
from nodecheck.measure.memory.ladder import abscissa, at_level, cost_of_an_evaluation, memory_widths, work
from nodecheck.measure.memory.pass_memory import PassMemory, at_most_states, measure_pass
from nodecheck.measure.memory.prediction import with_predicted
from nodecheck.numerics.constants import (
    FEWEST_GROWTH_LEVELS,
    FLOOR_IN_STATES,
    LOG_DET_MEMORY_LADDER,
    MEMORY_LADDER,
    SCREENED_LEVELS,
    SHORT_MEMORY_LADDER,
)
from nodecheck.numerics.growth import GrowthFit, fit_law, states_held
from nodecheck.results import Inconclusive


@dataclass(frozen=True)
class Footprints:
    """The states that a layer holds at every level of a ladder.

    Attributes
    ----------
    n
        Number of steps; of evaluations in the forward pass where those are not proportional to steps, without
        those of rejected steps where times tell them.
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
    passes: tuple[PassMemory, ...]

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


def footprints(layer: LayerUnderTest, *, live: bool) -> Footprints:
    """Return the footprints of a layer over the ladder of its profile, measured once.

    Without `live` only the forward pass is run, and only what autograd saves is counted.

    Raises
    ------
    Inconclusive
        If asking for more steps does not make the layer take more, or the layer is too slow for a ladder, or
        needs too much memory.
    """
    key = ("footprints", live)
    outcome = layer.once(key, lambda: attempt(lambda: _footprints(layer, live)))
    if isinstance(outcome, Refusal):  # the next check gets the same answer without waiting for it
        traceback.clear_frames(outcome.error.__traceback__)  # lines are remembered, the tensors there are not
        raise outcome.error
    return outcome


def _footprints(layer: LayerUnderTest, live: bool) -> Footprints:
    profile, claimed, widths = layer.profile, layer.claims.memory, memory_widths(layer)
    ladder = SHORT_MEMORY_LADDER if profile.name == "smoke" else MEMORY_LADDER
    if layer.returns_log_det and not layer.adaptive and profile.name != "full":
        ladder = LOG_DET_MEMORY_LADDER

    def at(level: int, width: int) -> PassMemory:
        return measure_pass(layer, at_level(layer, level, width), live=live)

    @functools.cache
    def narrow(level: int) -> PassMemory:
        return at(level, widths[0])

    def measured() -> Footprints:
        wide = dict(measured_levels(layer, at, profile.memory_evaluations, budget(profile) / 2, ladder))
        prints = summarise(layer, with_predicted(wide, narrow))
        fit = prints.fit(prints.states)
        if fit.decided and not (claimed and fit.may_exceed(claimed)):
            return prints
        pairs = [(level, at_most_states(narrow(level), found)) for level, found in wide.items()]
        return summarise(layer, pairs)

    return unless_out_of_memory(layer, measured, widths[-1])


def measured_levels(
    layer: LayerUnderTest,
    at: Callable[[int, int], PassMemory],
    evaluations: int,
    seconds: float = math.inf,
    ladder: tuple[int, ...] = MEMORY_LADDER,
) -> Iterator[tuple[int, PassMemory]]:
    """Yield (level, a pass with the wider state) until a level costs more than `evaluations`.

    Raises
    ------
    Inconclusive
        If the levels that a growth law needs take more than `seconds`.
    """
    _, warm_up = timed(at, ladder[0], memory_widths(layer)[0])
    if warm_up > seconds:
        raise Inconclusive(_too_slow(ladder[0], warm_up, seconds))
    done: list[tuple[float, float]] = []
    for k, level in enumerate(ladder):
        found, taken = timed(at, level, memory_widths(layer)[-1])
        yield level, found
        done.append((work(layer, level), taken))
        enough = k + 1 >= FEWEST_GROWTH_LEVELS
        ahead = [work(layer, n) for n in ladder[k + 1 : max(k + 2, FEWEST_GROWTH_LEVELS)]]
        too_slow = sum(s for _, s in done) + seconds_ahead(done, ahead) > seconds
        if too_slow and not enough:
            raise Inconclusive(_too_slow(level, taken, seconds))
        following = found.evaluations[0] * (ladder[k + 1] / level if k + 1 < len(ladder) else 1.0)
        if enough and (too_slow or following * cost_of_an_evaluation(layer) > evaluations):
            return


def _too_slow(level: int, taken: float, seconds: float) -> str:
    return (
        f"one pass at level {level} of the ladder takes {taken:.2g} seconds: a growth law needs "
        f"{FEWEST_GROWTH_LEVELS} levels, which do not fit into {seconds:.2g} seconds"
    )


def summarise(
    layer: LayerUnderTest,
    levels: Sequence[tuple[int, tuple[PassMemory, ...]]],
    widths: tuple[int, int] | None = None,
) -> Footprints:
    """Return the footprints that measured levels amount to."""
    ladder = [level for level, _ in levels]
    wider = tuple(replace(passes[-1], courses=((), ())) for _, passes in levels)
    n, unit = abscissa(layer, ladder, [p.evaluations[0] for p in wider], [p.forward_times for p in wider])

    def states(pick: Callable[[PassMemory], float | None]) -> tuple[float, ...] | None:
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
        _array_states(layer, ladder, widths or memory_widths(layer)),
        wider,
    )


def _array_states(layer: LayerUnderTest, ladder: list[int], widths: tuple[int, int]) -> tuple[float, ...]:
    """Return the states held in NumPy arrays at each level.

    Almost always none, so only two levels are looked at unless they differ by more than a state.
    """

    def held(level: int, width: int) -> tuple[int, float]:
        readings = layer.fresh(at_level(layer, level, width), instruments=("arrays",)).readings
        assert readings is not None
        assert readings.arrays is not None
        return readings.state_bytes, readings.arrays

    screened = (ladder[0], ladder[:SCREENED_LEVELS][-1])
    (size, few), (_, many) = (held(level, widths[-1]) for level in screened)
    if abs(many - few) <= FLOOR_IN_STATES * size:
        return (0.0,) * len(ladder)
    found = ([held(level, width) for width in widths] for level in ladder)
    return tuple(states_held(*zip(*pairs, strict=True)) for pairs in found)
