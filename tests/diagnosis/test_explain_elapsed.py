"""From the time a layer integrates over to what its time grid does wrong."""

from __future__ import annotations

import numpy as np
import pytest

from nodecheck.diagnosis import explain_elapsed


@pytest.mark.parametrize("elapsed", [1.0, 1.0 + 2e-16, 1.0 - 1e-15])
def test_the_right_time_needs_no_explanation(elapsed):
    assert explain_elapsed(elapsed, 1.0, 16) == ""


def test_an_extra_step_is_counted_with_its_sign():
    text = explain_elapsed(1.0625, 1.0, 16)
    assert text == "Integrates over 1.0625, not 1: about +1.0 steps of h = 1/16."


def test_a_missing_step_is_counted_with_its_sign():
    assert "about -1.0 steps of h = 1.4/20" in explain_elapsed(1.33, 1.4, 20)


def test_a_part_of_a_step_is_said_to_be_no_whole_number():
    assert "about +1.1 steps of h = 1/16, not a whole number" in explain_elapsed(1.0667, 1.0, 16)


def test_a_float32_grid_is_told_from_a_wrong_number_of_steps():
    grid = np.linspace(np.float32(0.3), np.float32(1.7), 21, dtype=np.float32).astype(np.float64)
    text = explain_elapsed(float(grid[-1] - grid[0]), 1.4, 20, t0=0.3)
    assert "rounding of a float32 time grid" in text
    assert "relative error" in text


def test_an_extra_step_of_a_float32_grid_is_still_an_extra_step():
    assert "about +1.0 steps of h = 1/10" in explain_elapsed(1.1000000163912773, 1.0, 10)


@pytest.mark.parametrize(
    ("elapsed", "cause"),
    [
        (0.0, "takes no step"),
        (-1.4, "wrong direction"),
        (1.7, "that is t1, so t0 is ignored"),
        (1.0, "a unit of time whatever the interval is"),
        (0.07, "a single step"),
    ],
)
def test_a_telling_value_is_named(elapsed, cause):
    assert cause in explain_elapsed(elapsed, 1.4, 20, t0=0.3)


def test_two_causes_of_the_same_value_are_both_named():
    text = explain_elapsed(1.0, 0.5, 16, t0=0.5)
    assert "t0 is ignored" in text
    assert "whatever the interval is" in text


def test_time_that_runs_backward_on_purpose_is_right():
    assert explain_elapsed(-1.4, -1.4, 20, t0=1.7) == ""


def test_a_time_that_is_no_number_is_reported():
    assert "nan" in explain_elapsed(float("nan"), 1.0, 16)
