"""What the error of a gradient costs: steps, evaluations and bytes, from what a run holds."""

from __future__ import annotations

import math

import pytest
from sample_runs import result

from nodecheck.report.gradient_accuracy import (
    against_bytes,
    against_evaluations,
    against_steps,
    duration_of,
    known_durations,
    worst_curve,
)
from nodecheck.results import Metric, Result, Series

STEPS, ERRORS = (8.0, 16.0, 32.0), (1e-1, 2e-2, 5e-3)
DURATION = 1.7


def curve(label: str = "y0", factor: float = 1.0) -> Series:
    x, y = tuple(DURATION / n for n in STEPS), tuple(factor * e for e in ERRORS)
    return Series("Gradient error", label, x, y, "step h", "relative error", log=True, slope=2.0)


def of_order(*curves: Series, metric: str = "error at 16 steps of y0", value: float = 2e-2) -> Result:
    metrics = (Metric(metric, value, "error"),)
    return result("mine", "gradient-order", "rotation", series=curves, metrics=metrics)


def of_cost(forward: float, backward: float) -> Result:
    numbers = {"forward": forward, "backward": backward}
    metrics = tuple(Metric(f"evaluations {k}, 64 steps", v, "evaluations") for k, v in numbers.items())
    return result("mine", "constant-field", metrics=metrics)


def of_memory(x_label: str = "steps", steps: tuple[float, ...] = (8.0, 32.0)) -> Result:
    held = tuple(100 * n for n in steps)
    peak = Series("Memory", "peak of backward", steps, held, x_label, "bytes", log=True)
    return result("mine", "peak-memory", series=(peak,))


def test_the_duration_follows_from_an_error_at_a_number_of_steps():
    assert duration_of(of_order(curve())) == pytest.approx(DURATION)


@pytest.mark.parametrize("metric", ["order of y0", "error at tol 0.001 of y0"])
def test_without_such_an_error_the_duration_is_unknown(metric):
    assert math.isnan(duration_of(of_order(curve(), metric=metric)))


def test_an_error_that_is_no_point_of_a_curve_tells_no_duration():
    assert math.isnan(duration_of(of_order(curve(), value=3e-2)))


def test_another_problem_with_the_same_step_sizes_has_the_same_duration():
    assert known_durations([of_order(curve())])[curve("other").x] == pytest.approx(DURATION)


def test_steps_are_whole_and_run_from_few_to_many():
    found = against_steps(DURATION, curve())
    assert (found.x, found.y, found.x_label) == (STEPS, ERRORS, "steps")


def test_the_worst_group_stands_for_all():
    assert worst_curve([curve("y0"), curve("theta", 3.0)]).y == tuple(3.0 * e for e in ERRORS)


def test_evaluations_are_those_of_both_passes():
    found = against_evaluations([of_order(curve()), of_cost(256.0, 512.0)], "rotation")
    assert found.x == tuple(12 * n for n in STEPS)


def test_evaluations_that_were_counted_are_taken_as_they_are():
    counted = Series("Gradient work-precision", "rotation", (30.0, 60.0), (1e-2, 1e-3), log=True)
    found = against_evaluations([of_order(curve(), counted), of_cost(256.0, 512.0)], "rotation")
    assert dict(zip(found.x, found.y, strict=True)) == {30.0: 1e-2, 60.0: 1e-3}


def test_without_evaluations_there_is_no_work_precision():
    assert against_evaluations([of_order(curve())], "rotation") is None


def test_bytes_are_read_between_two_levels_of_the_memory_check():
    found = against_bytes([of_order(curve()), of_memory()], "rotation")
    assert found.x == (800.0, 1600.0, 3200.0)


def test_bytes_are_not_read_beyond_the_levels_of_the_memory_check():
    found = against_bytes([of_order(curve()), of_memory(steps=(8.0, 16.0))], "rotation")
    assert found.y == ERRORS[:2]


def test_bytes_over_evaluations_need_the_evaluations_of_the_gradient():
    assert against_bytes([of_order(curve()), of_memory("evaluations")], "rotation") is None
