"""Why an identity or an order of the forward pass fails, from evidence: times, numbers, other step counts."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from nodecheck.diagnosis.forward.elapsed import Elapsed, explain_elapsed
from nodecheck.diagnosis.forward.grid import explain_grid, explain_no_effect, explain_step_times, grid_of
from nodecheck.diagnosis.forward.limited import explain_limits_of_state
from nodecheck.diagnosis.forward.precision import rounded_parts, stage_times
from nodecheck.diagnosis.step_count import explain_onset, forward_error
from nodecheck.layers import Array, Call, LayerUnderTest
from nodecheck.measure.convergence import forward_ladder
from nodecheck.measure.identities import power_measurements
from nodecheck.numerics import (
    FLOOR_FACTOR,
    INCONSISTENT_BELOW,
    ORDER_MARGIN,
    OrderFit,
    relative_error,
)
from nodecheck.numerics.constants import ALIKE, FLOAT32_ERROR
from nodecheck.numerics.formats import UNIT_ROUNDOFF
from nodecheck.problems import Problem, lotka_volterra, neural, pendulum
from nodecheck.reference import Feature, features
from nodecheck.results.phrases import apart


def elapsed_times(layer: LayerUnderTest, problem: Problem, resolution: float) -> Array:
    """Return for every component of y' = c the time the layer has integrated over."""
    y1 = layer.solve(problem, resolution).y1.astype(np.float64)
    elapsed: Array = (y1 - problem.y0) / problem.params["c"]
    return elapsed


def explain_time(layer: LayerUnderTest, problem: Problem, n_steps: int) -> str:
    """Return why a fixed-step layer is wrong on y' = c; "" if it is not."""
    elapsed = elapsed_times(layer, problem, n_steps)
    errors = np.abs(elapsed - problem.duration)
    worst = np.unravel_index(int(np.argmax(errors)), errors.shape)
    finer = elapsed_times(layer, problem, 2 * n_steps)
    spread = float(np.ptp(elapsed))
    even = spread <= max(ALIKE * errors[worst], layer.time_roundoff(n_steps, problem.t0, problem.t1))
    text = explain_elapsed(
        Elapsed(
            float(elapsed[worst]),
            problem.duration,
            n_steps,
            problem.t0,
            eps=layer.eps,
            rate=float(problem.params["c"][worst[-1]]),
            finer=float(finer[worst]),
            coarse=rounded_parts(layer, problem, n_steps, float(errors[worst] / abs(problem.duration))),
            others=None if even else (float(elapsed.min()), float(elapsed.max())),
            grid=_grid(layer, problem, n_steps, float(elapsed[worst])),
        )
    )
    return text if even else f"{text} {_of_state(layer, problem, n_steps)}".strip()


def explain_times(calls: Sequence[Call], problem: Problem, who: str = "The field") -> str:
    """Return at which times the field is evaluated, if at one only, or outside the interval."""
    times = np.unique([call.t for call in calls])
    if len(times) == 1:
        return f"{who} is evaluated at t = {times[0]:.4g} only."
    # Rounded times may lie a little outside, those of the coarsest format furthest.
    rounding = max(UNIT_ROUNDOFF.values()) * max(abs(problem.t0), abs(problem.t1))
    first, last = sorted((problem.t0, problem.t1))
    if times[0] < first - rounding or times[-1] > last + rounding:
        return f"{who} is evaluated on {_intervals((times[0], times[-1]), (first, last))}."
    return ""


def explain_backward_times(
    layer: LayerUnderTest, problem: Problem, n_steps: int, *, rounding: bool = True
) -> str:
    """Return the mistake in the times of the backward pass, as far as they show it by themselves.

    Nothing is known of a layer that evaluates the field in its forward pass only.  Rounded times are told
    only where ``rounding`` of them can be the cause.
    """
    calls = layer.gradients(problem, n_steps, 1)[0].calls
    if not calls:
        return ""
    precisions = {layer.format_of(row[1:]) for row in stage_times(calls, n_steps)} - {""}
    seen = explain_times(calls, problem, "In the backward pass the field")
    if seen or not rounding:
        return seen
    return "".join(f"The times of the backward pass are {name} numbers." for name in precisions)


def _intervals(found: tuple[float, float], expected: tuple[float, float]) -> str:
    """Return "[0, 1.4], not on [0.3, 1.7]", with as many digits as tell the two apart."""
    ours, theirs = apart(found, expected)
    return f"[{ours}], not on [{theirs}]"


def _grid(layer: LayerUnderTest, problem: Problem, n_steps: int, time: float) -> str:
    """Return the mistake in the steps that explains the time integrated over; "" if none is seen."""
    grid = grid_of(layer, problem, n_steps)
    return explain_grid(grid, time) if grid else explain_no_effect(layer, problem, n_steps, 2 * n_steps)


def wrong_times(layer: LayerUnderTest, problem: Problem, n_steps: int) -> str:
    """Return how the times told to the field differ from those of the steps; "" if that is not seen."""
    return explain_outside(layer, problem, n_steps) or explain_step_times(layer, problem, n_steps)


def explain_outside(layer: LayerUnderTest, problem: Problem, n_steps: int) -> str:
    """Return which times are looked at, if they are not those of the interval."""
    times = np.array([call.t for call in layer.solve(problem, n_steps).calls])
    if not times.size or not np.isfinite(times).all():
        return ""
    first, last = sorted((problem.t0, problem.t1))
    rounding = layer.time_roundoff(n_steps, problem.t0, problem.t1)
    step = abs(problem.duration) / n_steps
    within = times.min() >= first - rounding and times.max() <= last + rounding
    if within and times.min() <= first + step + rounding and times.max() >= last - step - rounding:
        return ""
    text = f"the field is evaluated on {_intervals((times.min(), times.max()), (first, last))}"
    if abs(times[0]) <= rounding < abs(problem.t0):
        return f"{text}: time starts at 0, not at t0"
    return text


def explain_order(layer: LayerUnderTest, problem: Problem, fitted: OrderFit, claimed: int | None) -> str:
    """Return why the forward pass does not show its order."""
    successive = ", ".join(f"{s:z.2f}" for s in fitted.pairwise)
    seen = f"Order {fitted.slope:z.2f} is observed (successive: {successive})"
    seen += f", order {claimed} claimed." if claimed is not None else "."
    levels = forward_ladder(layer, problem).n_steps
    onset = explain_onset(functools.partial(forward_error, layer, problem), levels)
    if onset:
        return f"{seen} {onset}"
    if not fitted.pairwise or not fitted.pairwise[-1] >= INCONSISTENT_BELOW:
        return f"{seen} {_explain_plateau(layer, problem, levels[-1])}"
    if claimed is not None and fitted.slope > claimed:
        return f"{seen} The method is of higher order than claimed."
    autonomous = forward_ladder(layer, layer.counterpart(lotka_volterra)).fit.slope
    if Feature.TIME_DEPENDENT in features(problem) and autonomous >= (claimed or autonomous) - ORDER_MARGIN:
        return (
            f"{seen} Without time in the field the order is {autonomous:z.2f}: the stage times are wrong, "
            f"or a term with ∂f/∂t is missing."
        )
    return f"{seen} {explain_stages(layer, problem, claimed)}".strip()


def explain_stages(layer: LayerUnderTest, problem: Problem, claimed: int | None) -> str:
    """Return the cause of a low order that is left if powers of t are integrated exactly.

    They ask for the weights and nodes of a Runge-Kutta method and for nothing else.  Rounding of these to
    float32 does not count, where the error of the problem is larger by far: it has another cause.
    """
    backwards = problem.duration < 0  # where forwards all may be right
    if claimed is None or backwards or layer.evaluations_per_step(layer.counterpart(neural)) < claimed:
        return ""
    powers = power_measurements(layer, claimed)
    off = max(m.value for m in powers)
    error = forward_error(layer, problem, forward_ladder(layer, problem).n_steps[-1])
    exact = all(m.holds for m in powers)
    if not exact and not (off <= FLOAT32_ERROR and FLOOR_FACTOR * off <= error):
        return ""
    return _explain_halves(layer, problem, claimed) or (
        f"Powers of t are integrated {'exactly' if exact else f'to {off:.1g}'}: the weights and the times of "
        f"the stages are right, but the states at which the stages are evaluated are not, or weights are "
        f"exchanged between stages of one time."
    )


def _explain_halves(layer: LayerUnderTest, problem: Problem, claimed: int) -> str:
    """Return that a layer is of its order on separable fields alone, as leapfrog is; "" if it is not.

    There each half of the state changes by the other half.
    """
    if layer.separable:
        return ""
    separable, here = (forward_ladder(layer, each).fit.slope for each in (pendulum, problem))
    if not here < claimed - ORDER_MARGIN <= separable:
        return ""
    if layer.of_second_order:
        return (
            f"On a force without velocities, q'' = -sin q, the order is {separable:z.2f}: order {claimed} is "
            f"that of such forces alone, as in leapfrog. If so meant, claim "
            f"`supports={{'second-order', 'separable'}}`, or `order={max(1, round(here))}`, which holds for "
            f"all forces."
        )
    return (
        f"On a separable field, q' = p and p' = -sin q for the halves of the state, the order is "
        f"{separable:z.2f}: each half is advanced by itself, as in leapfrog, and order {claimed} is that of "
        f"separable fields alone. If so meant, claim `order={max(1, round(here))}`, which holds for all "
        f"fields, and `supports={{'even'}}`."
    )


def _explain_plateau(layer: LayerUnderTest, problem: Problem, n_steps: int) -> str:
    """Return why an error stays however many steps are taken."""
    error = forward_error(layer, problem, n_steps)
    rounded = rounded_parts(layer, problem, n_steps, error)
    if rounded:
        return f"The error stops shrinking at {error:.1g}: {rounded}."
    no_effect = explain_no_effect(layer, problem, n_steps // 2, n_steps)
    if no_effect:
        return f"The error stops shrinking: {no_effect}."
    times = wrong_times(layer, problem, n_steps)
    if times:
        return f"The error stops shrinking: {times}."
    if error > FLOAT32_ERROR:
        seen = "The error stops shrinking: the layer solves another equation."
        return f"{seen} {_of_state(layer, problem, n_steps)}".strip()
    return (
        f"The error stops shrinking at {error:.1g}: something is that inaccurate, a step or a coefficient "
        f"perhaps; times and y1 have all bits of a {layer.dtype}."
    )


def _of_state(layer: LayerUnderTest, problem: Problem, n_steps: int) -> str:
    """Return a mistake that shows in the state: members that are mixed, values that are limited."""
    y1 = layer.solve(problem, n_steps).y1
    alone = layer.solve(problem.replace(y0=problem.y0[:1]), n_steps).y1
    if relative_error(y1[:1], alone) > FLOAT32_ERROR:
        return "A batch member ends elsewhere when it is alone: the members are mixed."
    return explain_limits_of_state(layer)
