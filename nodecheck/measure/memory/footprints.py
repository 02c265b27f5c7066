"""Footprints: what a layer holds in one pass, in states, over a ladder of steps."""

from __future__ import annotations

import functools
import math
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from nodecheck.backends.torch.memory.arrays import numpy_bytes
from nodecheck.backends.torch.memory.wide import WIDTHS, WideUse
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.layers.attempt import Refusal, attempt
from nodecheck.measure.budget import budget, seconds_ahead, timed, unless_out_of_memory
from nodecheck.measure.memory.ladder import (
    LADDER,
    SHORT_LADDER,
    abscissa,
    at_level,
    cost_of_an_evaluation,
    work,
)
from nodecheck.measure.memory.pass_memory import Pass, at_most_states, measure
from nodecheck.measure.memory.prediction import with_foreseen
from nodecheck.numerics.growth import FEWEST_LEVELS, FLOOR_IN_STATES, GrowthFit, fit_law, states_held
from nodecheck.options.profile import Profile
from nodecheck.problems import Problem
from nodecheck.results import Inconclusive

# Whether there are NumPy arrays at all shows between the first level and this one: where only one is kept for
# √n steps, the rise is three.
_SCREENED = 4


@dataclass(frozen=True)
class Footprints:
    """What a layer holds, in states, at every level of a ladder.

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
        If asking for more steps does not make the layer take more, or the layer is too slow for a ladder, or
        needs too much memory.
    """
    key = ("footprints", live, device)
    outcome = layer.once(key, lambda: attempt(lambda: _footprints(layer.claims, layer.profile, live, device)))
    if isinstance(outcome, Refusal):  # the next check gets the same answer without waiting for it
        traceback.clear_frames(outcome.error.__traceback__)  # lines are remembered, the tensors there are not
        raise outcome.error
    return outcome


def _footprints(layer: TorchLayer, profile: Profile, live: bool, device: str) -> Footprints:
    ladder = SHORT_LADDER if profile.name == "smoke" else LADDER

    def at(level: int, width: int) -> Pass:
        return measure(layer, *at_level(layer, level, width), live=live, device=device)

    @functools.cache
    def narrow(level: int) -> Pass:
        return at(level, WIDTHS[0])

    def measured() -> Footprints:
        wide = dict(measured_levels(layer, at, profile.memory_evaluations, budget(profile) / 2, ladder))
        prints = summarise(layer, with_foreseen(wide, narrow))
        fit = prints.fit(prints.states)
        if fit.decided and not (layer.memory and fit.may_exceed(layer.memory)):
            return prints
        pairs = [(level, at_most_states(narrow(level), found)) for level, found in wide.items()]
        return summarise(layer, pairs)

    return unless_out_of_memory(measured, WIDTHS[-1])


def measured_levels(
    layer: TorchLayer,
    at: Callable[[int, int], Pass],
    evaluations: int,
    seconds: float = math.inf,
    ladder: tuple[int, ...] = LADDER,
) -> Iterator[tuple[int, Pass]]:
    """Yield (level, a pass with the wider state) until a level costs more than `evaluations`.

    Raises
    ------
    Inconclusive
        If the levels that a growth law needs take more than `seconds`.
    """
    _, warm_up = timed(at, ladder[0], WIDTHS[0])
    if warm_up > seconds:
        raise Inconclusive(_too_slow(ladder[0], warm_up, seconds))
    done: list[tuple[float, float]] = []
    for k, level in enumerate(ladder):
        found, taken = timed(at, level, WIDTHS[-1])
        yield level, found
        done.append((work(layer, level), taken))
        enough = k + 1 >= FEWEST_LEVELS
        ahead = [work(layer, n) for n in ladder[k + 1 : max(k + 2, FEWEST_LEVELS)]]
        too_slow = sum(s for _, s in done) + seconds_ahead(done, ahead) > seconds
        if too_slow and not enough:
            raise Inconclusive(_too_slow(level, taken, seconds))
        following = found.evaluations[0] * (ladder[k + 1] / level if k + 1 < len(ladder) else 1.0)
        if enough and (too_slow or following * cost_of_an_evaluation(layer) > evaluations):
            return


def _too_slow(level: int, taken: float, seconds: float) -> str:
    return (
        f"one pass at level {level} of the ladder takes {taken:.2g} seconds: a growth law needs "
        f"{FEWEST_LEVELS} levels, which do not fit into {seconds:.2g} seconds"
    )


def summarise(
    layer: TorchLayer, levels: Sequence[tuple[int, tuple[Pass, ...]]], widths: tuple[int, int] = WIDTHS
) -> Footprints:
    """Return the footprints that measured levels amount to."""
    ladder = [level for level, _ in levels]
    wider = tuple(replace(passes[-1], courses=((), ())) for _, passes in levels)
    n, unit = abscissa(layer, ladder, [p.evaluations[0] for p in wider], [p.forward_times for p in wider])

    def states(pick: Callable[[Pass], float | None]) -> tuple[float, ...] | None:
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


def _array_states(layer: TorchLayer, ladder: list[int], widths: tuple[int, int]) -> tuple[float, ...]:
    """Return the states held in NumPy arrays at each level.

    Almost always none, so only two levels are looked at unless they differ by more than a state.
    """

    def held(level: int, width: int) -> tuple[int, int]:
        return _array_bytes(layer, *at_level(layer, level, width))

    (size, few), (_, many) = (held(level, widths[-1]) for level in (ladder[0], ladder[:_SCREENED][-1]))
    if abs(many - few) <= FLOOR_IN_STATES * size:
        return (0.0,) * len(ladder)
    found = ([held(level, width) for width in widths] for level in ladder)
    return tuple(states_held(*zip(*pairs, strict=True)) for pairs in found)


def _array_bytes(layer: TorchLayer, problem: Problem, resolution: float) -> tuple[int, int]:
    use = WideUse(layer, problem, resolution)
    y1, count = numpy_bytes(use.forward)
    del y1
    return use.state_bytes, count
