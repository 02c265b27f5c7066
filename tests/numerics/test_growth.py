"""Growth laws are told apart, and only where the counts allow it."""

from __future__ import annotations

import math

import pytest

from nodecheck.numerics.constants import FEWEST_GROWTH_LEVELS, SHORT_MEMORY_LADDER
from nodecheck.numerics.growth import cost_exponent, fit_law, states_held

LADDER = (4, 9, 16, 25, 36, 64)
SHAPES = {"constant": lambda _n: 0.0, "log": math.log, "sqrt": math.sqrt, "linear": float}


@pytest.mark.parametrize("law", SHAPES)
def test_a_law_is_recognised_from_exact_counts(law):
    ladder = (*LADDER, 100, 144, 256, 576)
    fit = fit_law(ladder, [7 + 10 * SHAPES[law](n) for n in ladder])
    assert fit.laws == (law,)


def test_a_short_ladder_leaves_the_root_beside_the_logarithm():
    assert fit_law(LADDER, [7 + 10 * math.log(n) for n in LADDER]).laws == ("log", "sqrt")


@pytest.mark.parametrize("law", SHAPES)
@pytest.mark.parametrize("states", [8, 25])
def test_a_few_states_for_each_rise_are_told_apart_on_the_shortest_ladder(law, states):
    fit = fit_law(SHORT_MEMORY_LADDER, [7 + states * SHAPES[law](n) for n in SHORT_MEMORY_LADDER])
    assert fit.laws == (law,)


def test_one_state_per_step_is_linear():
    fit = fit_law(LADDER, [3.0 + n for n in LADDER])
    assert fit.laws == ("linear",)
    assert fit.rate == pytest.approx(1.0)


def test_an_exact_line_has_an_exact_slope():
    assert fit_law(LADDER, [3.0 + 2 * n for n in LADDER]).rate_error < 1e-12


def test_a_rise_of_less_than_one_state_is_constant():
    assert fit_law(LADDER, [5 + n / 100 for n in LADDER]).laws == ("constant",)


def test_one_state_more_at_some_level_is_constant():
    assert fit_law(LADDER, [30, 30, 30, 30, 31, 31]).laws == ("constant",)


def test_memory_that_falls_is_constant():
    assert fit_law(LADDER, [5 - n / 100 for n in LADDER]).law == "constant"


def test_counts_that_jump_about_leave_several_laws():
    assert len(fit_law(LADDER, [10, 30, 10, 30, 10, 30]).laws) > 1


def test_a_history_that_fills_up_is_start_up_and_no_growth():
    ladder = (*LADDER, 100, 144)
    assert fit_law(ladder, [min(n, 16) for n in ladder]).laws == ("constant",)


def test_start_up_takes_nothing_from_a_law_that_fits_everywhere():
    ladder = (*LADDER, 2304, 10_000)
    assert fit_law(ladder, [7 + 0.1 * math.sqrt(n) for n in ladder]).law == "sqrt"


def test_the_distance_from_the_law_is_in_states():
    assert fit_law(LADDER, [5, 15, 5, 15, 5, 15]).residual == pytest.approx(5, rel=0.1)


def test_a_law_that_the_claim_allows_is_not_beyond_it():
    assert fit_law(LADDER, [10 * math.sqrt(n) for n in LADDER]).beyond("linear") == 0


def test_a_faster_law_is_beyond_a_claim():
    assert fit_law(LADDER, [10 * math.sqrt(n) for n in LADDER]).beyond("constant") > 10


def test_too_few_levels_are_refused():
    few = LADDER[: FEWEST_GROWTH_LEVELS - 1]
    with pytest.raises(ValueError, match="6 levels"):
        fit_law(few, few)


def test_a_time_grid_is_not_a_state():
    grid = 8 * 10_001
    assert states_held((1000, 2000), (3 * 1000 + grid, 3 * 2000 + grid)) == pytest.approx(3)


def test_a_quadratic_cost_has_exponent_two():
    assert cost_exponent((4, 64), (16, 4096)) == pytest.approx(2)


def test_a_cost_of_nothing_has_no_exponent():
    assert math.isnan(cost_exponent((4, 64), (0, 64)))
