"""Why y' = c t^k is wrong for some powers: rounding, other step counts, times, the order of the error."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nodecheck.diagnosis.forward.explanations import explain_time, wrong_times
from nodecheck.diagnosis.forward.limited import explain_limits_of_state
from nodecheck.diagnosis.forward.precision import rounded_parts
from nodecheck.diagnosis.step_count import explain_which
from nodecheck.layers import LayerUnderTest
from nodecheck.numerics import FLOOR_FACTOR, INCONSISTENT_BELOW
from nodecheck.numerics.constants import CLEAR_SHRINKAGE, FLOAT32_ERROR, MULTIPLES_OF_STEPS, POWER_STEPS
from nodecheck.problems import power


def explain_powers(layer: LayerUnderTest, errors_at: Callable[[int], Mapping[int, float]]) -> str:
    """Return why y' = c t^k is wrong, from the errors beyond their bounds, k -> error, at a number of steps.

    The large errors are explained first: those of rounding to float32 would hide their cause.
    """
    n_steps = POWER_STEPS
    errors = errors_at(n_steps)
    if not errors:
        return ""
    floor = _floor_of_rounding(errors_at)
    large = {k: error for k, error in errors.items() if error > floor}
    values = ", ".join(f"t^{k}: {error:.2g}" for k, error in errors.items())
    seen = _explain_large_powers(
        layer, large, values, lambda n: any(error > floor for error in errors_at(n).values())
    )
    if len(large) == len(errors):
        return seen
    rest = explain_time(layer, power(0), n_steps) if 0 in errors else ""
    return f"{seen} The others, below {floor:.1g}, are of another cause. {rest}".strip()


def _floor_of_rounding(errors_at: Callable[[int], Mapping[int, float]]) -> float:
    """Return a limit between large errors and those of rounding to float32, as measured; 0 if all are alike.

    Rounding shows in powers whose errors are that small, and where more steps leave errors that are that
    small and shrink no further.
    """
    errors = errors_at(POWER_STEPS).values()
    few, many = (max(errors_at(k * POWER_STEPS).values(), default=0.0) for k in MULTIPLES_OF_STEPS)
    plateau = many if few <= FLOAT32_ERROR and CLEAR_SHRINKAGE * many > few else 0.0
    small = (error for error in errors if error <= FLOAT32_ERROR)
    floor = FLOOR_FACTOR * max(plateau, *small, 0.0)
    return floor if floor < max(errors) else 0.0


def _explain_large_powers(
    layer: LayerUnderTest, errors: Mapping[int, float], values: str, is_wrong: Callable[[int], bool]
) -> str:
    """Return why some powers are wrong, all of whose errors have one cause."""
    n_steps, lowest = POWER_STEPS, min(errors)
    rounded = rounded_parts(layer, power(max(errors)), n_steps, max(errors.values()))
    if rounded:
        return f"With {n_steps} steps the errors are {values}: {rounded}."
    which = explain_which(is_wrong, n_steps)
    if which:
        return f"With {n_steps} steps the errors are {values}. {which}"
    if lowest == 0:
        seen = explain_time(layer, power(0), n_steps)
        return f"Already a constant field is wrong ({values}). {seen}".strip()
    times = wrong_times(layer, power(lowest), n_steps)
    if times:
        return f"Exact below t^{lowest}, wrong from there on ({values}): {times}."
    return _explain_quadrature(layer, values, lowest)


def _explain_quadrature(layer: LayerUnderTest, values: str, lowest: int) -> str:
    """Return the mistake in the weights and nodes: only if the error shrinks as theirs does."""
    n_steps, problem = POWER_STEPS, power(lowest)
    exact = problem.flow(problem.t1, problem.y0, **problem.params)  # type: ignore[misc]
    coarse, fine = (float(np.max(np.abs(layer.solve(problem, n).y1 - exact))) for n in (n_steps, 2 * n_steps))
    order = float(np.log2(coarse / fine)) if coarse > 0.0 and fine > 0.0 else 0.0
    seen = f"Exact below t^{lowest}, wrong from there on ({values})"
    if order < INCONSISTENT_BELOW:
        seen += ", and no less with twice as many steps: not a matter of stage times or weights alone."
        return f"{seen} {explain_limits_of_state(layer)}".strip()
    nodes = _nodes(layer, n_steps)
    where = f" The first step evaluates the field at c = ({nodes})." if nodes else ""
    return f"{seen}, shrinking at order {order:.1f}: stage times or weights.{where}"


def _nodes(layer: LayerUnderTest, n_steps: int) -> str:
    """Return the stage times of the first step in units of h, as a list."""
    problem = power(0)
    calls = layer.solve(problem, n_steps).calls
    stages, h = len(calls) // n_steps, problem.duration / n_steps
    return ", ".join(f"{(c.t - problem.t0) / h:.3g}" for c in calls[:stages])
