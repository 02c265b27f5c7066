"""The mistake of a time grid is named from the time that a layer integrates over."""

from __future__ import annotations

import numpy as np
import pytest

from nodecheck.diagnosis.forward.elapsed import Elapsed
from nodecheck.diagnosis.forward.elapsed import explain_elapsed as explain
from nodecheck.numerics.formats import rounded


def explain_elapsed(*args, **known):
    return explain(Elapsed(*args, **known))


@pytest.mark.parametrize("elapsed", [1.0, 1.0 + 2e-16, 1.0 - 1e-15])
def test_the_right_time_needs_no_explanation(elapsed):
    assert explain_elapsed(elapsed, 1.0, 16) == ""


def test_an_extra_step_is_counted_with_its_sign():
    text = explain_elapsed(1.0625, 1.0, 16)
    assert text == (
        "Integrates over 1.0625, not 1: one step too many, 17 steps of h = 1/16. "
        "Loop over `ts[:-1]`: a grid of 16 steps has 17 points."
    )


def test_a_missing_step_is_counted_with_its_sign():
    text = explain_elapsed(1.33, 1.4, 20)
    assert text.endswith("one step too few, 19 steps of h = 1.4/20. A grid of 20 steps has 21 points.")


def test_several_steps_too_many_are_counted():
    assert explain_elapsed(1.54, 1.4, 20).endswith("not 1.4: 2 steps of h = 1.4/20 too many.")


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (1.019, "one step too many, 17 steps of h = 1/16."),
        (1.21, "1.2 steps of h = 1/16 too many, not a whole number"),
        (-0.5, "0.5 steps of h = 1/16 too few, not a whole number"),
    ],
)
def test_a_part_of_a_step_is_said_to_be_no_whole_number(steps, words):
    assert words in explain_elapsed(1.0 + steps / 16, 1.0, 16)


def test_a_float32_grid_is_told_from_a_wrong_number_of_steps():
    grid = np.linspace(np.float32(0.3), np.float32(1.7), 21, dtype=np.float32).astype(np.float64)
    text = explain_elapsed(float(grid[-1] - grid[0]), 1.4, 20, t0=0.3)
    assert "the ends of the time grid are rounded to float32" in text
    assert "relative error" in text


def test_an_extra_step_of_a_float32_grid_is_still_an_extra_step():
    assert "one step too many, 11 steps of h = 1/10" in explain_elapsed(1.1000000163912773, 1.0, 10)


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


@pytest.mark.parametrize("error", [3e-7, 2e-8, 1e-10, -1e-12])
def test_an_error_is_not_called_float32_for_its_size(error):
    text = explain_elapsed(1.4 + error, 1.4, 20, t0=0.3)
    assert "float32" not in text
    assert "neither a number of steps, nor the rounding of the time grid or of the step" in text


def test_a_step_in_float32_is_told_from_a_grid_in_float32():
    text = explain_elapsed(16 * float(np.float32(1.4 / 16)), 1.4, 16, t0=0.3)
    assert text.endswith("the step is rounded to float32.")


def test_an_increment_in_bfloat16_is_named():
    increment = float(rounded(-0.75 * 1.4 / 16, "bfloat16"))
    text = explain_elapsed(16 * increment / -0.75, 1.4, 16, t0=0.3, rate=-0.75)
    assert "the increment of each step is rounded to bfloat16" in text


@pytest.mark.parametrize("decimals", [2, 3, 6, 10])
def test_a_step_that_is_rounded_to_decimals_is_named(decimals):
    step = round(1.4 / 17, decimals)
    text = explain_elapsed(17 * step, 1.4, 17, t0=0.3)
    assert f"each step is {step:g}, h rounded to {decimals} decimals" in text


def test_a_step_of_eleven_decimals_is_not_called_rounded():
    assert "decimals" not in explain_elapsed(17 * round(1.4 / 17, 11), 1.4, 17, t0=0.3)


def test_what_the_run_consists_of_is_told():
    text = explain_elapsed(1.4 + 2e-7, 1.4, 20, coarse="y1 consists of float32 numbers")
    assert text.endswith("a relative error of 1e-07: y1 consists of float32 numbers.")


def test_weights_are_named_where_two_numbers_of_steps_show_the_same_factor():
    text = explain_elapsed(0.99 * 1.4, 1.4, 16, finer=0.99 * 1.4)
    assert "0.99 times as long, with 16 steps and with 32 alike, as weights do that add up to 0.99" in text


@pytest.mark.parametrize(("first", "words"), [(1, "the first"), (3, "the first 3")])
def test_a_factor_of_all_steps_but_the_first_is_that_of_a_multistep_method(first, words):
    coarse, fine = (1.4 * (1 + 0.1 * (1 - first / n)) for n in (16, 32))
    text = explain_elapsed(coarse, 1.4, 16, finer=fine)
    assert f"every step but {words} is 1.1 times as long as h" in text


def test_a_part_of_a_step_is_not_put_down_to_a_multistep_method():
    assert "multistep" not in explain_elapsed(1.4 + 0.3 * 1.4 / 16, 1.4, 16, finer=1.4 + 0.3 * 1.4 / 32)


def test_weights_are_not_named_where_the_grid_ends_too_soon():
    seen = "the last of 16 steps begins at t = 0.96, not at t1 - h = 1.6"
    assert explain_elapsed(0.7, 1.4, 16, finer=0.7, grid=seen).endswith(
        f"Integrates over 0.7, not 1.4: {seen}."
    )


def test_two_times_that_differ_are_written_with_digits_that_differ():
    assert "Integrates over 1.40001, not 1.4:" in explain_elapsed(1.400008, 1.4, 16)


def test_a_time_that_differs_between_components_is_not_put_down_to_the_grid():
    text = explain_elapsed(1.3991, 1.4, 16, others=(1.3991, 1.3995))
    assert "off by -0.0009 to -0.0005, so it is not the grid" in text


def test_an_adaptive_layer_is_not_measured_in_steps_it_does_not_take():
    assert explain_elapsed(1.41, 1.4, None, t0=0.3) == "Integrates over 1.41, not 1.4: off by +0.01."
    assert "t0 is ignored" in explain_elapsed(1.7, 1.4, None, t0=0.3)
