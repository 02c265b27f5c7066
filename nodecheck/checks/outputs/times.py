"""Every output time gets the state at that time, however many there are."""

from __future__ import annotations

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.outputs.times import explain_other_times
from nodecheck.layers import Array, LayerUnderTest
from nodecheck.measure.identities import identity_bound
from nodecheck.measure.reverse_time import require_reverse_time
from nodecheck.numerics import FLOOR_FACTOR, TOLERANCE_FACTOR, relative_error
from nodecheck.numerics.constants import (
    BATCH_STEPS,
    IDENTITY_TOLERANCE,
    MANY_OUTPUTS,
    ODD_MARGIN,
    OUTPUT_OFFSET,
    OUTPUT_POWER,
    STEPS_FOR_MANY_OUTPUTS,
)
from nodecheck.problems import (
    Problem,
    constant_at_outputs,
    constant_reversed_at_outputs,
    neural_at_outputs,
)
from nodecheck.reference import trajectory
from nodecheck.results import Evidence, Measurement, at_most


@check(
    title="Every output time gets its own state",
    failure_title="An output time gets another state",
    theme="Forward",
    kind="identity",
    requires=frozenset({"output-times"}),
    problems=(constant_at_outputs,),
    more=(("smoke", constant_reversed_at_outputs),),
    cite="the contract of TorchLayer: ys of shape (len(ts), *y0.shape), ys[0] = y0",
)
def output_times(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Ask for the states of a constant field at uneven output times, two of them close together.

    The states lie on a straight line, and every method is exact there, and every interpolation too.  So each
    state tells the time that it belongs to: one that belongs to another time was taken from the nearest grid
    point, from another place of the list, or from a grid of equal steps.  The first state is y0 itself.

    On a field that depends on the state, the error at an output time must not grow with their number: a
    hundred of them are compared with a few.

    On a second problem the output times decrease.  A layer that refuses them with an error is `unsupported`
    there.
    """
    if problem.duration < 0:
        require_reverse_time(layer, problem)
    resolution = IDENTITY_TOLERANCE if layer.adaptive else BATCH_STEPS
    ys = layer.solve(problem, resolution).y1
    exact = _states(problem, problem.ts)
    bound = identity_bound(layer, problem, BATCH_STEPS * len(problem.ts))
    start = layer.roundoff(1, float(np.max(np.abs(problem.y0))))
    measurements = (
        at_most("difference of ys[0] to y0", float(np.max(np.abs(ys[0] - problem.y0))), start),
        at_most("error of ys on a constant field", float(np.max(np.abs(ys - exact))), bound),
    )
    if not all(m.holds for m in measurements):
        return Evidence(measurements, explain_other_times(problem, ys, bound, steps=_steps(layer)))
    if problem.duration < 0:
        return Evidence(measurements)
    many = _beside_many(layer)
    diagnosis = ""
    if not many.holds:
        diagnosis = (
            f"With {MANY_OUTPUTS} output times in place of {len(neural_at_outputs.ts)} the error at the same "
            f"times is {many.value:.2g} times as large: something is done at each output that costs accuracy."
        )
    return Evidence((*measurements, many), diagnosis)


def _steps(layer: LayerUnderTest) -> int | None:
    return None if layer.adaptive else BATCH_STEPS


def _states(problem: Problem, ts: tuple[float, ...]) -> Array:
    states: Array = trajectory(problem.with_interval(problem.t0, problem.t1), ts)
    return states


def _beside_many(layer: LayerUnderTest) -> Measurement:
    """Return the error at the usual output times among many, over that among few.

    A layer may take further steps to end one at every output; its error is then smaller, or, where it
    cancelled, larger by less than one order does between two numbers of steps.
    """
    few = layer.counterpart(neural_at_outputs)
    shares = np.sort(np.concatenate([_shares(few), _further_shares()]))
    many = few.at_shares(*shares, name="neural_at_many_outputs")
    resolution = IDENTITY_TOLERANCE if layer.adaptive else STEPS_FOR_MANY_OUTPUTS
    places = [1 + int(k) for k in np.searchsorted(shares, _shares(few))]
    exact = _states(few, few.ts[1:-1])
    among_few = relative_error(layer.solve(few, resolution).y1[1:-1], exact)
    among_many = relative_error(layer.solve(many, resolution).y1[places], exact)
    floor = FLOOR_FACTOR * layer.roundoff(STEPS_FOR_MANY_OUTPUTS)
    least = resolution if layer.adaptive else floor
    bound = TOLERANCE_FACTOR if layer.adaptive else ODD_MARGIN
    return at_most(
        "error among many output times over that among few", among_many / max(among_few, least), bound
    )


def _shares(problem: Problem) -> Array:
    return (np.array(problem.ts[1:-1]) - problem.t0) / problem.duration


def _further_shares() -> Array:
    """Return shares that are denser at the start, all of them between steps."""
    further = MANY_OUTPUTS - len(neural_at_outputs.ts)
    return ((np.arange(further) + OUTPUT_OFFSET) / further) ** OUTPUT_POWER
