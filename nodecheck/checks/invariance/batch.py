"""Batches: the members must not influence each other."""

from __future__ import annotations

import numpy as np

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.tolerance import affordable, follows_tolerance
from nodecheck.numerics import TOLERANCE_FACTOR
from nodecheck.numerics.constants import BATCH_STEPS
from nodecheck.problems import Problem, neural
from nodecheck.reference import sensitivity
from nodecheck.results import Evidence, at_most
from nodecheck.results.phrases import verb


@check(
    title="Batch members do not influence each other",
    failure_title="Batch members change when the others are taken away",
    theme="Forward",
    kind="identity",
    problems=(neural,),
    own=True,
    cite="torchdiffeq issue 284; bayesflow issue 292: one step size for the whole batch",
)
def batch_independence(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Solve each batch member alone and in the batch.

    In a fixed-step layer they must agree to rounding.  In an adaptive layer that shares one step size the
    difference follows the tolerance.  Where it does not, other steps give other answers: either members
    influence each other, or the layer is inaccurate alone as well, which the diagnosis tells apart.
    """
    n_steps = BATCH_STEPS
    if layer.adaptive:
        measurements = follows_tolerance(
            "difference to the member alone", layer, problem, lambda tol: max(_changes(layer, problem, tol))
        )
        tightest = affordable(layer, problem)[-1]
        changes, bound = _changes(layer, problem, tightest), TOLERANCE_FACTOR * tightest
    else:
        changes, bound = _changes(layer, problem, n_steps), _rounding(layer, problem, n_steps)
        measurements = (at_most("member alone against member in the batch", max(changes), bound),)
    diagnosis = ""
    if any(not m.holds for m in measurements):
        touched = sum(change > bound for change in changes)
        change = verb(touched, "changes", "change")
        diagnosis = f"{touched} of {len(changes)} members {change} when the others are taken away."
        if layer.adaptive:
            diagnosis += _how_accurate_alone(layer, problem, tightest, max(changes))
    return Evidence(measurements, diagnosis)


def _how_accurate_alone(layer: LayerUnderTest, problem: Problem, tol: float, change: float) -> str:
    """Return a sentence that compares the change with the error that the members have alone."""
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


def _members(problem: Problem) -> tuple[Problem, ...]:
    """Return each batch member as a problem of its own."""
    return tuple(problem.replace(y0=problem.y0[i : i + 1]) for i in range(len(problem.y0)))


def _rounding(layer: LayerUnderTest, problem: Problem, n_steps: int) -> float:
    """Return a bound on the effect of another order of summation, over the widest parameter in each step."""
    widest = max((value.size for value in problem.params.values()), default=1)
    return layer.roundoff(n_steps * widest, max(1.0, float(np.max(np.abs(problem.y0)))))
