"""The times at which a layer evaluates the field."""

from __future__ import annotations

import math

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.forward.told_times import explain_told_times
from nodecheck.layers import Call, LayerUnderTest, Refusal, attempt
from nodecheck.measure.convergence import order_of, require_refinable
from nodecheck.measure.fault_pictures import times_of_evaluations
from nodecheck.measure.told_times import Mean, mean_as_steps_vanish, mean_in_gradient, mean_in_solution
from nodecheck.numerics.constants import COMPARED_TOLERANCE, ORDINARY_STEPS, TOLD_POWERS
from nodecheck.problems import Problem, power, time_linear
from nodecheck.results import Evidence, Inconclusive, Measurement, Metric, Series, at_most
from nodecheck.results.phrases import apart


@check(
    title="Field is evaluated at the times of the steps",
    failure_title="Field is evaluated at times that are not those of the steps",
    theme="Forward",
    kind="contract",
    problems=(time_linear,),
    cite="Chen et al. (2018), eq. (2)-(3): the solution on [t0, t1] asks for the field on [t0, t1] only",
)
def evaluation_times(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Look at the times at which the forward pass calls the dynamics, and at their mean over the steps.

    A fixed-step method evaluates the field between t0 and t1 only.  An adaptive layer may look beyond t1 and
    interpolate: that is information, in sixteenths of the interval.

    Times told to the field may be inside the interval and still not be those of the steps, as where a grid
    starts a little after t0 and the steps do not: an error that no refinement removes, and that an order of
    one hides.  The solution of y' = c t^k gives the mean of t^k over the steps, and the gradient of c that of
    the backward pass.  As the steps vanish, both must tend to the mean over the interval, for t and for t^2.

    Compositions of leapfrog steps of an order above two go back in time within a step: layers of second order
    with such an order may look up to one step outside of the interval.
    """
    run = layer.solve(problem, layer.resolution(tol=COMPARED_TOLERANCE, n_steps=ORDINARY_STEPS))
    times = np.array([call.t for call in run.calls if not math.isnan(call.t)])
    if not times.size:
        message = "the layer never called the dynamics at a time that can be seen"
        raise Inconclusive(message)
    measurements = _inside(layer, problem, times)
    diagnosis = ""
    if not all(m.holds for m in measurements):
        found, asked = apart((float(times.min()), float(times.max())), (problem.t0, problem.t1))
        diagnosis = f"Evaluated on [{found}], asked for [{asked}]."
    elif not layer.adaptive:
        told, diagnosis = _belong_to_steps(layer)
        measurements += told
    cost = _cost(layer, problem)
    facts = {cost.name: f"{cost.value:g}"}
    series: tuple[Series, ...] = ()
    if not layer.adaptive and not all(m.holds for m in measurements):
        series = times_of_evaluations(layer, problem, ORDINARY_STEPS, with_gradient=_has_gradient(layer))
    return Evidence(measurements, diagnosis, series, facts, (cost,))


def _inside(layer: LayerUnderTest, problem: Problem, times: np.ndarray) -> tuple[Measurement, ...]:
    """Return the distances, in steps, by which times lie outside the interval."""
    h = problem.duration / ORDINARY_STEPS
    rounding = layer.time_roundoff(ORDINARY_STEPS, problem.t0, problem.t1) / abs(h)
    bound = math.inf if layer.adaptive else rounding + _steps_besides(layer)
    return (
        at_most("latest time beyond t1", float((times.max() - problem.t1) / h), bound, "steps"),
        at_most("earliest time before t0", float((problem.t0 - times.min()) / h), bound, "steps"),
    )


def _steps_besides(layer: LayerUnderTest) -> float:
    """Return the steps by which a right method may look outside of the interval.

    A composition of leapfrog steps that is of an order above two has one that goes back in time (Goldman &
    Kaper 1996), and those before and after it go too far, by less than a step as a whole.
    """
    return 1.0 if layer.of_second_order and order_of(layer) > 2 else 0.0


def _belong_to_steps(layer: LayerUnderTest) -> tuple[tuple[Measurement, ...], str]:
    """Return the mean times told in both passes, as the steps vanish, and what is wrong with them."""
    require_refinable(layer, power(1))

    def means(mean: Mean, where: str) -> tuple[Measurement, ...]:
        return tuple(mean_as_steps_vanish(f"mean of t^{k}{where}", layer, k, mean) for k in TOLD_POWERS)

    forward = means(mean_in_solution, "")
    if not all(m.holds for m in forward):
        problem = power(1)
        return forward, explain_told_times("The field", lambda n: layer.solve(problem, n).calls, problem)
    if not _has_gradient(layer):
        return forward, ""
    backward = means(mean_in_gradient, ", in the gradient")
    if all(m.holds for m in backward):
        return forward + backward, ""
    who = "For the gradient the field"
    return forward + backward, explain_told_times(who, lambda n: _backward_calls(layer, n), power(1))


def _has_gradient(layer: LayerUnderTest) -> bool:
    """Return True if a gradient of y' = c arrives; where none does, other checks say so."""
    found = attempt(lambda: layer.gradients(power(0), ORDINARY_STEPS, 1))
    if isinstance(found, Refusal):
        return False
    value = found[0].gradients["c"]
    return value is not None and bool(value.any())


def _backward_calls(layer: LayerUnderTest, n_steps: int) -> tuple[Call, ...]:
    return layer.gradients(power(1), n_steps, 1)[0].calls


def _cost(layer: LayerUnderTest, problem: Problem) -> Metric:
    if layer.adaptive:
        evaluations = layer.solve(problem, COMPARED_TOLERANCE).evaluations
        return Metric(f"evaluations at tol {COMPARED_TOLERANCE:g}", float(evaluations), "evaluations")
    return Metric("evaluations per step", layer.evaluations_per_step(problem), "evaluations")
