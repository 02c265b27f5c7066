"""How a layer goes about it: the times it looks at, and the members of a batch."""

from __future__ import annotations

import functools
import math

import numpy as np

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.tolerance import affordable, follows_tolerance
from nodecheck.numerics import TOLERANCE_FACTOR, roundoff, time_roundoff
from nodecheck.problems import Problem, neural, time_linear
from nodecheck.reference import sensitivity
from nodecheck.results import Evidence, Inconclusive, Metric, at_most

_SINGLE_TOLERANCE = 1e-4


@check(
    title="Field is evaluated inside the interval",
    failure_title="Field is evaluated outside the interval",
    theme="Forward",
    kind="contract",
    problems=(time_linear,),
    cite="Chen et al. (2018), eq. (2)-(3): the solution on [t0, t1] asks for the field on [t0, t1] only",
)
def evaluation_times(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Look at the times at which the dynamics is called, forward and backward.

    A fixed-step method evaluates the field between t0 and t1 only.  An adaptive layer may look beyond t1 and
    interpolate: that is information.
    """
    n_steps = 16
    run = layer.solve(problem, _SINGLE_TOLERANCE if layer.adaptive else n_steps)
    h = problem.duration / n_steps
    times = np.array([call.t for call in run.calls if not math.isnan(call.t)])
    if not times.size:
        message = "the layer never called the dynamics at a time that can be seen"
        raise Inconclusive(message)
    bound = math.inf if layer.adaptive else time_roundoff(n_steps, problem.t0, problem.t1) / abs(h)
    beyond, before = float((times.max() - problem.t1) / h), float((problem.t0 - times.min()) / h)
    measurements = (
        at_most("latest time beyond t1", beyond, bound, "steps"),
        at_most("earliest time before t0", before, bound, "steps"),
    )
    diagnosis = (
        f"Evaluated on [{times.min():.10g}, {times.max():.10g}], asked for [{problem.t0}, {problem.t1}]."
    )
    cost = _cost(layer, problem)
    failed = not all(m.holds for m in measurements)
    facts = {cost.name: f"{cost.value:g}"}
    return Evidence(measurements, diagnosis if failed else "", facts=facts, metrics=(cost,))


def _cost(layer: LayerUnderTest, problem: Problem) -> Metric:
    if layer.adaptive:
        evaluations = layer.solve(problem, _SINGLE_TOLERANCE).evaluations
        return Metric(f"evaluations at tol {_SINGLE_TOLERANCE:g}", float(evaluations), "evaluations")
    return Metric("evaluations per step", layer.evaluations_per_step(problem), "evaluations")


@check(
    title="Batch members do not influence each other",
    failure_title="Batch members change when the others are taken away",
    theme="Forward",
    kind="identity",
    problems=(neural,),
    cite="torchdiffeq issue 284; bayesflow issue 292: one step size for the whole batch",
)
def batch_independence(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Solve each batch member alone and in the batch.

    In a fixed-step layer they must agree to rounding.  In an adaptive layer that shares one step size the
    difference follows the tolerance.  Where it does not, other steps give other answers: either members
    influence each other, or the layer is inaccurate alone as well, which the diagnosis tells apart.
    """
    n_steps = 8
    if layer.adaptive:
        measurements = follows_tolerance(
            "difference to the member alone", layer, problem, lambda tol: max(_changes(layer, problem, tol))
        )
        tightest = affordable(layer, problem)[-1]
        changes, bound = _changes(layer, problem, tightest), TOLERANCE_FACTOR * tightest
    else:
        changes, bound = _changes(layer, problem, n_steps), _rounding(problem, n_steps)
        measurements = (at_most("member alone against member in the batch", max(changes), bound),)
    diagnosis = ""
    if any(not m.holds for m in measurements):
        touched = sum(change > bound for change in changes)
        diagnosis = f"{touched} of {len(changes)} members change when the others are taken away."
        if layer.adaptive:
            diagnosis += _how_accurate_alone(layer, problem, tightest, max(changes))
    return Evidence(measurements, diagnosis)


def _how_accurate_alone(layer: LayerUnderTest, problem: Problem, tol: float, change: float) -> str:
    """Say whether what changes is more than the error that the members have alone."""
    exact = sensitivity(problem).y1
    errors = [
        float(np.max(np.abs(layer.solve(member, tol).y1[0] - y1)))
        for member, y1 in zip(_members(problem), exact, strict=True)
    ]
    seen = f"  At tol = {tol:g} they change by {change:.2g}; alone they are off by {max(errors):.2g}"
    if max(errors) > TOLERANCE_FACTOR * tol:
        return f"{seen}: the layer is inaccurate, whether or not they influence each other."
    return f"{seen}: they influence each other."


def _changes(layer: LayerUnderTest, problem: Problem, resolution: float) -> list[float]:
    """Return for each member the difference between the batch and the member alone."""
    together = layer.solve(problem, resolution).y1
    alone = [layer.solve(member, resolution).y1[0] for member in _members(problem)]
    return [float(np.max(np.abs(a - b))) for a, b in zip(alone, together, strict=True)]


@functools.lru_cache
def _members(problem: Problem) -> tuple[Problem, ...]:
    """Return each batch member as a problem of its own; always the same objects, so that runs are shared."""
    return tuple(problem.replace(y0=problem.y0[i : i + 1]) for i in range(len(problem.y0)))


def _rounding(problem: Problem, n_steps: int) -> float:
    """Return what summing in another order may change: every step sums over the widest parameter."""
    widest = max((value.size for value in problem.params.values()), default=1)
    return roundoff(n_steps * widest, max(1.0, float(np.max(np.abs(problem.y0)))))
