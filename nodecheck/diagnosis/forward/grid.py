"""The steps that a layer takes, from the times of its calls: count, length, and where the last begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nodecheck.diagnosis.forward.precision import stage_times
from nodecheck.layers import Array, LayerUnderTest
from nodecheck.numerics.constants import WHOLE_STEPS_MARGIN
from nodecheck.problems import Problem
from nodecheck.results.phrases import apart, plural, verb


@dataclass(frozen=True, eq=False)
class Grid:
    """The times at which the steps of a layer begin, beside the grid that it was asked for.

    Attributes
    ----------
    starts
        One time for each step.
    t0, duration
        Start and signed length of the interval.
    n_steps
        Number of steps that the layer was asked to take.
    """

    starts: Array
    t0: float
    duration: float
    n_steps: int

    @property
    def step(self) -> float | None:
        """Length that all steps have, nearly; None if they differ, or if there is one step only."""
        widths = np.diff(self.starts)
        if not widths.size or not np.isfinite(widths).all():
            return None
        step = float(np.mean(widths))
        return step if np.ptp(widths) < WHOLE_STEPS_MARGIN * abs(step) else None

    @property
    def steps_of_interval(self) -> int | None:
        """Whole number of such steps that the interval has; None if it has a part of one."""
        if self.step is None:
            return None
        ratio = self.duration / self.step
        return round(ratio) if abs(ratio - round(ratio)) < WHOLE_STEPS_MARGIN else None

    @property
    def begins_at_t0(self) -> bool:
        """True if the first time is t0: else the times do not show where steps begin."""
        return abs(float(self.starts[0]) - self.t0) < WHOLE_STEPS_MARGIN * abs(self.duration) / self.n_steps

    def takes(self, time: float) -> bool:
        """Return True if so many steps of this length take a time."""
        if self.step is None:
            return False
        return abs(len(self.starts) * self.step - time) < WHOLE_STEPS_MARGIN * abs(self.step)


def grid_of(layer: LayerUnderTest, problem: Problem, n_steps: int) -> Grid | None:
    """Return the steps of a layer; None if its calls do not show them.

    Twice as many steps tell how many calls a step makes: calls outside of the steps do not count.
    """
    calls, more = (layer.solve(problem, n).calls for n in (n_steps, 2 * n_steps))
    per_step = (len(more) - len(calls)) // n_steps
    if per_step < 1 or len(more) - len(calls) != per_step * n_steps or len(calls) % per_step:
        return None
    starts = stage_times(calls, len(calls) // per_step)[0]
    return Grid(starts, problem.t0, problem.duration, n_steps)


def explain_grid(grid: Grid, time: float) -> str:
    """Return the mistake in the steps that explains the time integrated over; "" if none is seen.

    "one step too many, 16 steps of (t1 - t0)/15, the last beginning at t1."
    """
    if not grid.begins_at_t0:
        return ""
    if grid.step is None or not grid.takes(time):
        return _last_start(grid)
    count, of_interval = len(grid.starts), grid.steps_of_interval
    if of_interval is None or abs(count - of_interval) != 1:
        length = f"{grid.step:.4g}" if of_interval is None else f"(t1 - t0)/{of_interval}"
        end, t1 = apart([grid.t0 + count * grid.step], [grid.t0 + grid.duration])
        return f"{plural(count, 'step')} of {length}, from t0 to t = {end}, not to t1 = {t1}"
    many = count > of_interval
    words, end = ("many", "beginning at t1") if many else ("few", "ending one step before t1")
    steps = f"one step too {words}, {plural(count, 'step')} of (t1 - t0)/{of_interval}"
    return f"{steps}, the last {end}. {remedy(grid.n_steps, too_many=many)}"


def _last_start(grid: Grid) -> str:
    """Return where the last step begins, if not where it should."""
    h = grid.duration / grid.n_steps
    last, expected = float(grid.starts[-1]), grid.t0 + grid.duration - h
    if len(grid.starts) != grid.n_steps or abs(last - expected) < WHOLE_STEPS_MARGIN * abs(h):
        return ""
    found, right = apart([last], [expected])
    return f"the last of {plural(grid.n_steps, 'step')} begins at t = {found}, not at t1 - h = {right}"


def remedy(n_steps: int, *, too_many: bool) -> str:
    """Return the remedy for one step too many, or one too few."""
    points = f"a grid of {plural(n_steps, 'step')} has {n_steps + 1} points"
    return f"Loop over `ts[:-1]`: {points}" if too_many else points.capitalize()


def _told(layer: LayerUnderTest, problem: Problem, n_steps: int) -> Array | None:
    """Return the first time told in each step; None if the calls do not show as many steps."""
    grid = grid_of(layer, problem, n_steps)
    shown = grid is not None and len(grid.starts) == n_steps and bool(np.isfinite(grid.starts).all())
    return grid.starts if grid is not None and shown else None


def explain_step_times(layer: LayerUnderTest, problem: Problem, n_steps: int) -> str:
    """Return how the times told to the field differ from those of the steps; "" if that is not seen.

    A first stage within its step is later by a part of h, which halves with twice as many steps.
    """
    coarse, fine = (_told(layer, problem, n) for n in (n_steps, 2 * n_steps))
    if coarse is None or fine is None:
        return ""
    expected = problem.t0 + problem.duration * np.arange(n_steps) / n_steps
    h, off = abs(problem.duration) / n_steps, coarse - expected
    stays = float(np.max(np.abs(coarse - fine[::2]))) < WHOLE_STEPS_MARGIN * h
    if not stays or np.max(np.abs(off)) < WHOLE_STEPS_MARGIN * h:
        return ""
    slope, offset = np.polyfit(expected, coarse, 1)
    if np.max(np.abs(slope * expected + offset - coarse)) < WHOLE_STEPS_MARGIN * h:
        return f"the field is told {offset:.4g} + {slope:.4g} t for the time t at which a step begins"
    worst = int(np.argmax(np.abs(off)))
    told, begins = apart([float(coarse[worst])], [float(expected[worst])])
    return f"the field is told t = {told} where a step begins at t = {begins}"


def explain_no_effect(layer: LayerUnderTest, problem: Problem, few: int, many: int) -> str:
    """Return that two numbers of steps cost the same evaluations; "" if they do not, or if there are none."""
    counts = [layer.solve(problem, n).evaluations for n in (few, many)]
    if counts[0] != counts[1] or not counts[0]:
        return ""
    made = verb(counts[0], "is made", "are made")
    return (
        f"{plural(counts[0], 'evaluation')} {made} at {few} steps and at {many} alike, so the number of "
        f"steps is not what was asked for"
    )
