"""The arguments that `build` gives to a layer besides the dynamics: t0, t1 and the resolution."""

from __future__ import annotations

import itertools
import math

import numpy as np

from nodecheck.layers import LayerUnderTest, Refusal, Solution, attempt
from nodecheck.measure.identities import identity_bound
from nodecheck.numerics.constants import (
    ADAPTER_STEPS,
    ELSEWHERE,
    FEWER_ADAPTER_STEPS,
    IDENTITY_TOLERANCE,
    STEP_SIZES,
    TWICE_THE_EVALUATIONS,
)
from nodecheck.problems import Problem, constant

_ELSEWHERE = constant.with_interval(*ELSEWHERE)


def explain_resolution(layer: LayerUnderTest, problem: Problem) -> str:
    """Return a sentence if the resolution is taken for a step size: then half of it costs twice as much.

    With a number of steps it is the other way round, and no tolerance makes a constant field cost more: every
    method is exact there.
    """
    if not layer.adaptive and attempt(lambda: _more_steps_cost_more(layer, problem)) is not False:
        return ""
    counts = [_evaluations(layer, h) for h in STEP_SIZES]
    doubled = all(fine >= TWICE_THE_EVALUATIONS * coarse for coarse, fine in itertools.pairwise(counts))
    if not doubled or counts[0] < math.floor(constant.duration / STEP_SIZES[0]):
        return ""
    name = layer.claims.resolution
    seen = f"{name} = {', '.join(map(str, STEP_SIZES))} cost {', '.join(map(str, counts))} evaluations"
    advice = "give the layer adapt.step_size(t0, t1, n_steps)"
    if layer.adaptive:
        advice = f"pass it on as rtol and atol; for a layer without them call it n_steps and {advice}"
    return f"`{name}` is taken for a step size ({seen}): {advice}."


def _more_steps_cost_more(layer: LayerUnderTest, problem: Problem) -> bool:
    few, many = (layer.solve(problem, n).evaluations for n in (FEWER_ADAPTER_STEPS, ADAPTER_STEPS))
    return many > few


def _evaluations(layer: LayerUnderTest, resolution: float) -> int:
    """Return the evaluations for a resolution; 0 if the layer refuses it."""
    solution = attempt(lambda: layer.solve(constant, resolution))
    return 0 if isinstance(solution, Refusal) else solution.evaluations


def explain_interval(layer: LayerUnderTest) -> str:
    """Return a sentence if t0 and t1 are swapped, or neither of them has any effect.

    One of the two alone may be lost in the layer as well as in the adapter: that is left to other checks.
    """
    here = on_constant_field(layer, constant)
    if here is None or not here.calls:
        return ""
    times = [call.t for call in here.calls]
    if constant.t0 not in (times[0], times[-1]) and _same_elsewhere(layer, here):
        return (
            f"t0 and t1 have no effect: for [{constant.t0}, {constant.t1}] and for [{_ELSEWHERE.t0}, "
            f"{_ELSEWHERE.t1}] the layer looks at times in [{min(times):.4g}, {max(times):.4g}]. "
            f"Pass them on (if `build` does, the layer drops them); "
            f"give adapt.over_unit_interval(dynamics, t0, t1) to a layer on [0, 1] only."
        )
    elapsed = (here.y1 - constant.y0) / constant.params["c"]
    # A layer with a wrong sign goes from t0 to t1, or away from t0; here t1 is left and t0 reached, exactly.
    runs_back = _nearer(times[0], constant.t1, constant.t0) and _nearer(times[-1], constant.t0, constant.t1)
    if runs_back and np.max(np.abs(elapsed + constant.duration)) <= identity_bound(
        layer, constant, ADAPTER_STEPS
    ):
        return (
            "t0 and t1 are swapped: the layer integrates from t1 back to t0. "
            "Pass t0 as the start (if `build` does, the layer swaps them)."
        )
    return ""


def _same_elsewhere(layer: LayerUnderTest, here: Solution) -> bool:
    """Return True if another interval leaves the times and the state as they are."""
    there = on_constant_field(layer, _ELSEWHERE)
    if there is None or [c.t for c in here.calls] != [c.t for c in there.calls]:
        return False
    return np.array_equal(here.y1, there.y1)


def _nearer(t: float, this: float, that: float) -> bool:
    return abs(t - this) < abs(t - that)


def on_constant_field(layer: LayerUnderTest, problem: Problem = constant) -> Solution | None:
    """Return a run on a constant field, or None if the layer raises there."""
    run = attempt(
        lambda: layer.solve(problem, layer.resolution(tol=IDENTITY_TOLERANCE, n_steps=ADAPTER_STEPS))
    )
    return None if isinstance(run, Refusal) else run
