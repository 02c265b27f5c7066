"""Identities of the forward pass: fields on which every consistent method is exact."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.forward.elapsed import Elapsed, explain_elapsed
from nodecheck.diagnosis.forward.explanations import (
    elapsed_times,
    explain_time,
    explain_times,
)
from nodecheck.diagnosis.forward.grid import remedy
from nodecheck.diagnosis.forward.powers import explain_powers
from nodecheck.layers import Call, LayerUnderTest, Refusal, attempt
from nodecheck.measure.constant_fields import worst_constant_field
from nodecheck.measure.convergence import forward_ladder, order_of
from nodecheck.measure.fault_pictures import times_of_evaluations
from nodecheck.measure.identities import identity_bound, power_measurements
from nodecheck.numerics import EPS_FLOAT32, FLOOR_FACTOR, MAXIMUM_GROWTH, fit_growth
from nodecheck.numerics.constants import (
    CONSTANT_STEPS,
    DECIMAL_INTERVAL,
    DECIMAL_STEPS,
    FLOAT32_ROUNDINGS,
    FLOAT32_SHARE,
    IDENTITY_TOLERANCE,
    TIGHTER_TOLERANCES,
)
from nodecheck.numerics.formats import UNIT_ROUNDOFF, is_narrower, rounded
from nodecheck.problems import Problem, constant, neural
from nodecheck.results import Evidence, Measurement, Series, Skip, at_most
from nodecheck.results.phrases import plural, verb

_DECIMAL = constant.replace(name="constant_decimal").with_interval(*DECIMAL_INTERVAL)


def _tolerances(layer: LayerUnderTest) -> tuple[float, ...]:
    return layer.reachable(TIGHTER_TOLERANCES)


@check(
    title="Constant field is integrated exactly",
    failure_title="Constant field is not integrated exactly",
    theme="Forward",
    kind="identity",
    problems=(constant,),
    cite="Hairer, Nørsett & Wanner (1993), sec. II.1: consistency, the sum of the weights is 1",
)
def constant_field(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Integrate y' = c, for which every consistent one-step method is exact.

    A time grid with one point too many passes an order check at order one, because the overshoot is itself
    O(h).  Here it shows as an elapsed time that is wrong by a whole number of steps.  One step must take a
    fixed-step layer all the way, too, unless it refuses that: a grid of n points has n - 1 steps.  Adaptive
    layers are held to their tolerance.

    Then fields, batch and state sizes, intervals and step counts are drawn, and each must be exact.  That
    finds what one fixed problem hides: an interval that is assumed to start at zero or to have length one, a
    shape that broadcasts, a step count that is not honoured.  The simplest counterexample is reported.

    A layer of second order is asked twice: for v' = c, the velocities under a constant force, and for q' = c,
    the positions without any.
    """
    elapsed = elapsed_times(layer, problem, layer.resolution(tol=IDENTITY_TOLERANCE, n_steps=CONSTANT_STEPS))
    error = float(np.max(np.abs(elapsed - problem.duration)))
    bound = identity_bound(layer, problem, CONSTANT_STEPS)
    diagnosis = ""
    if not error <= bound:
        worst = float(elapsed.flat[np.argmax(np.abs(elapsed - problem.duration))])
        diagnosis = (
            explain_elapsed(Elapsed(worst, problem.duration, None, problem.t0, eps=layer.eps))
            if layer.adaptive
            else explain_time(layer, problem, CONSTANT_STEPS)
        )
    one = () if layer.adaptive else _in_one_step(layer, problem)
    if not diagnosis and not all(m.holds for m in one):
        diagnosis = _explain_one_step(layer, problem)
    fixed = (at_most("error of the elapsed time", error, bound), *one)
    drawn = attempt(lambda: worst_constant_field(layer, problem))
    if isinstance(drawn, Refusal):
        if all(m.holds for m in fixed):
            raise drawn.error
        return Evidence(fixed, diagnosis, _times_of_steps(layer, problem, fixed))
    measurement, counterexample = drawn
    series = _times_of_steps(layer, problem, fixed)
    return Evidence((*fixed, measurement), diagnosis or counterexample, series)


def _times_of_steps(
    layer: LayerUnderTest, problem: Problem, found: Iterable[Measurement]
) -> tuple[Series, ...]:
    """Return a picture of the times at which a fixed-step layer that is wrong evaluates the field."""
    if layer.adaptive or all(m.holds for m in found):
        return ()
    return times_of_evaluations(layer, problem, CONSTANT_STEPS, with_gradient=False)


def _in_one_step(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    """Return the error of a single step; nothing of a layer that needs more of them, and says so."""
    elapsed = attempt(lambda: elapsed_times(layer, problem, 1))
    if isinstance(elapsed, Refusal):
        return ()
    error = float(np.max(np.abs(elapsed - problem.duration)))
    return (at_most("error of the elapsed time, one step", error, identity_bound(layer, problem, 1)),)


def _explain_one_step(layer: LayerUnderTest, problem: Problem) -> str:
    if np.array_equal(layer.solve(problem, 1).y1, problem.y0):
        return f"With n_steps = 1 no step is taken, y1 is y0: one step too few. {remedy(1, too_many=False)}."
    return f"With n_steps = 1: {explain_time(layer, problem, 1)}"


@check(
    title="Time is kept in the precision of the state",
    failure_title="Time is not kept in the precision of the state",
    theme="Forward",
    kind="identity",
    problems=(_DECIMAL,),
    cite="PyTorch documentation, torch.linspace: the default dtype is float32",
)
def time_precision(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Integrate y' = c over a decimal interval and look at the times handed to the dynamics.

    `torch.linspace` makes float32 unless told otherwise.  In a float64 layer such a grid leaves an error of
    1e-8 that no refinement removes, and that no test at ordinary tolerance shows.  Times that float32
    represents exactly, or that arrive in another dtype than the state, give it away; so does an elapsed time
    that stays wrong however tight the tolerance.  In a float32 layer, times may be float32, and are held to
    that: those of half precision give themselves away.
    """
    calls = layer.solve(problem, layer.resolution(tol=IDENTITY_TOLERANCE, n_steps=DECIMAL_STEPS)).calls
    precision, count = _coarse_times(layer, calls)
    lower = sum(c.t_dtype is not None and is_narrower(c.t_dtype, c.y_dtype) for c in calls)
    measurements = [
        at_most(f"share of times that {precision} represents", count / max(1, len(calls)), FLOAT32_SHARE),
        at_most("times of lower precision than the state", lower, 0, "calls"),
    ]
    elapsed = _elapsed_at_any_tolerance if layer.adaptive else _elapsed_in_float64
    measurements.append(elapsed(layer, problem))
    diagnosis = ""
    if not all(m.holds for m in measurements[:-1]):
        seen = explain_times(calls, problem)
        diagnosis = seen or (
            f"{count} of {plural(len(calls), 'time')} "
            f"{verb(count, f'is a {precision} number', f'are {precision} numbers')}, "
            f"{lower} {verb(lower, 'arrives', 'arrive')} in lower precision than the state: the time grid is "
            f"probably made without dtype=y0.dtype."
        )
    elif not measurements[-1].holds:
        diagnosis = (
            _explain_tightest(layer, problem)
            if layer.adaptive
            else explain_time(layer, problem, DECIMAL_STEPS)
        )
    return Evidence(tuple(measurements), diagnosis)


def _coarse_times(layer: LayerUnderTest, calls: Sequence[Call]) -> tuple[str, int]:
    """Return the format with fewer bits than the dtype that represents most times, and how many."""
    times = np.array([call.t for call in calls], dtype=np.float64)
    formats = [name for name in reversed(UNIT_ROUNDOFF) if is_narrower(name, layer.dtype)]
    counts = {name: int(np.sum(rounded(times, name) == times)) for name in formats}
    return max(counts.items(), key=lambda found: found[1])


def _explain_tightest(layer: LayerUnderTest, problem: Problem) -> str:
    """Return the diagnosis of an elapsed time whose error does not shrink with the tolerance."""
    error = _error_of_elapsed(layer, problem, _tolerances(layer)[-1])
    seen = (
        f"The elapsed time is off by {error:.1g} however tight the tolerance, although the times are float64"
    )
    if EPS_FLOAT32 / FLOAT32_ROUNDINGS <= error <= FLOAT32_ROUNDINGS * EPS_FLOAT32:
        return f"{seen}: coefficients of the method may be float32, or wrong in the eighth digit."
    return f"{seen}: coefficients that do not add up, or a last step that does not end at t1."


def _elapsed_in_float64(layer: LayerUnderTest, problem: Problem) -> Measurement:
    """Return the error of the elapsed time, less the part that is a whole number of steps."""
    h = problem.duration / DECIMAL_STEPS
    error = (elapsed_times(layer, problem, DECIMAL_STEPS) - problem.duration) / h
    fraction = float(np.max(np.abs(error - np.round(error)))) * h
    return at_most(
        "error of the elapsed time, less whole steps",
        fraction,
        identity_bound(layer, problem, DECIMAL_STEPS),
    )


def _elapsed_at_any_tolerance(layer: LayerUnderTest, problem: Problem) -> Measurement:
    """Return how the error of the elapsed time grows over the tolerance; 0 where it is at rounding.

    The estimate of the error of a constant field is zero, so the tightest tolerance costs a few steps.
    """
    errors = [_error_of_elapsed(layer, problem, tol) for tol in _tolerances(layer)]
    evaluations = layer.solve(problem, _tolerances(layer)[-1]).evaluations
    largest = float(np.max(np.abs(problem.y0))) + float(np.max(np.abs(problem.params["c"])))
    growth = fit_growth(_tolerances(layer), errors, FLOOR_FACTOR * layer.roundoff(evaluations, largest))
    name = "growth exponent of the elapsed time's error over the tolerance"
    return at_most(name, 0.0 if math.isnan(growth) else growth, MAXIMUM_GROWTH)


def _error_of_elapsed(layer: LayerUnderTest, problem: Problem, resolution: float) -> float:
    return float(np.max(np.abs(elapsed_times(layer, problem, resolution) - problem.duration)))


@check(
    title="Powers of t below the order are integrated exactly",
    failure_title="Powers of t below the order are not integrated exactly",
    theme="Forward",
    kind="identity",
    requires=frozenset({"fixed-step"}),
    cite="Hairer, Nørsett & Wanner (1993), sec. II.1: order conditions B(p), sum b_i c_i^(k-1) = 1/k",
)
def polynomial_field(layer: LayerUnderTest) -> Evidence:
    """Integrate y' = c t^k for every k below the order: a Runge-Kutta method of order p is exact up to p - 1.

    This sees wrong stage times, a wrong weight and a mislabelled order at rounding level, on one coarse
    grid.  Methods with fewer evaluations a step than their order are multistep methods (Butcher: an explicit
    Runge-Kutta method of order p needs at least p stages); a start-up of lower order is legitimate there, so
    the check does not apply.
    """
    order = order_of(layer)
    if layer.claims.order is None and not forward_ladder(layer, layer.counterpart(neural)).fit.asymptotic:
        message = f"no order is claimed, and the one measured ({order} or more) has not settled"
        raise Skip(message)
    per_step = layer.evaluations_per_step(layer.counterpart(neural))
    if per_step < order:
        message = f"not a one-step method: {per_step:g} evaluations a step at order {order}"
        raise Skip(message)

    def errors_at(n_steps: int) -> dict[int, float]:
        found = power_measurements(layer, order, n_steps)
        return {k: m.value for k, m in enumerate(found) if not m.holds}

    return Evidence(power_measurements(layer, order), explain_powers(layer, errors_at))
