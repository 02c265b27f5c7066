"""The times at which a layer evaluates the field."""

from __future__ import annotations

import math

import numpy as np

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.numerics import time_roundoff
from nodecheck.numerics.constants import COMPARED_TOLERANCE, ORDINARY_STEPS
from nodecheck.problems import Problem, time_linear
from nodecheck.results import Evidence, Inconclusive, Metric, at_most
from nodecheck.results.phrases import apart


@check(
    title="Field is evaluated inside the interval",
    failure_title="Field is evaluated outside the interval",
    theme="Forward",
    kind="contract",
    problems=(time_linear,),
    cite="Chen et al. (2018), eq. (2)-(3): the solution on [t0, t1] asks for the field on [t0, t1] only",
)
def evaluation_times(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Look at the times at which the forward pass calls the dynamics.

    A fixed-step method evaluates the field between t0 and t1 only.  An adaptive layer may look beyond t1 and
    interpolate: that is information, in sixteenths of the interval.
    """
    n_steps = ORDINARY_STEPS
    run = layer.solve(problem, COMPARED_TOLERANCE if layer.adaptive else n_steps)
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
    found, asked = apart((float(times.min()), float(times.max())), (problem.t0, problem.t1))
    diagnosis = f"Evaluated on [{found}], asked for [{asked}]."
    cost = _cost(layer, problem)
    failed = not all(m.holds for m in measurements)
    facts = {cost.name: f"{cost.value:g}"}
    return Evidence(measurements, diagnosis if failed else "", facts=facts, metrics=(cost,))


def _cost(layer: LayerUnderTest, problem: Problem) -> Metric:
    if layer.adaptive:
        evaluations = layer.solve(problem, COMPARED_TOLERANCE).evaluations
        return Metric(f"evaluations at tol {COMPARED_TOLERANCE:g}", float(evaluations), "evaluations")
    return Metric("evaluations per step", layer.evaluations_per_step(problem), "evaluations")
