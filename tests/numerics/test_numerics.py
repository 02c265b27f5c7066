"""Orders, growth and bounds are right on errors whose law is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodecheck.numerics import (
    EPS,
    EPS_FLOAT32,
    FLOOR_FACTOR,
    MAXIMUM_GROWTH,
    MINIMUM_LEVELS,
    ORDER_MARGIN,
    fit_growth,
    fit_order,
    group_errors,
    relative_error,
    richardson,
    rms,
    roundoff,
    time_roundoff,
)

LEVELS = (8, 16, 32, 64, 128)
TOLERANCES = tuple(10.0**-k for k in range(3, 9))
# A fit over a few levels of exact powers is off by rounding in the logarithms alone.
EXACT_FIT = 1e4 * EPS
orders = st.floats(0.5, 8.0)
constants = st.floats(1e-3, 1e3)


def power_law(constant, order, levels=LEVELS):
    return [constant * float(n) ** -order for n in levels]


@given(order=orders, constant=constants)
def test_the_order_of_a_power_law_is_its_exponent(order, constant):
    fit = fit_order(LEVELS, power_law(constant, order), floor=0.0)
    assert fit.slope == pytest.approx(order, abs=EXACT_FIT)


@given(order=orders, constant=constants)
def test_a_power_law_is_asymptotic(order, constant):
    assert fit_order(LEVELS, power_law(constant, order), floor=0.0).asymptotic


@given(order=orders, scale=st.floats(1e-6, 1e6))
def test_the_order_does_not_depend_on_the_size_of_the_error(order, scale):
    errors = power_law(1.0, order)
    scaled = [scale * e for e in errors]
    assert fit_order(LEVELS, scaled, 0.0).slope == pytest.approx(
        fit_order(LEVELS, errors, 0.0).slope, abs=EXACT_FIT
    )


@given(order=st.floats(1.0, 6.0), floor=st.floats(1e-16, 1e-8))
def test_a_floor_bends_the_order_by_no_more_than_its_factor_allows(order, floor):
    """The last level above the floor may be 1/FLOOR_FACTOR too large: log2(1 + 1/FLOOR_FACTOR)."""
    fit = fit_order(LEVELS, [e + floor for e in power_law(1.0, order)], floor)
    if fit.levels >= MINIMUM_LEVELS:
        assert abs(fit.slope - order) <= math.log2(1 + 1 / FLOOR_FACTOR)


@given(order=st.floats(0.5, 6.0))
def test_levels_at_the_floor_are_not_fitted(order):
    errors = [*power_law(1.0, order, LEVELS[:3]), 1e-12, 1e-12]
    fit = fit_order(LEVELS, errors, floor=1e-12)
    assert (fit.levels, fit.slope) == (3, pytest.approx(order, abs=EXACT_FIT))


def test_two_levels_above_the_floor_have_no_order():
    fit = fit_order(LEVELS, [1e-2, 1e-3, 1e-12, 1e-12, 1e-12], floor=1e-12)
    assert (fit.levels, fit.exact, math.isnan(fit.slope)) == (2, False, True)


def test_errors_at_the_floor_are_exact_and_have_no_order():
    fit = fit_order(LEVELS, [FLOOR_FACTOR * 1e-12] * 5, floor=1e-12)
    assert (fit.exact, math.isnan(fit.slope)) == (True, True)


def test_errors_of_zero_are_exact_without_any_floor():
    assert fit_order(LEVELS, [0.0] * 5, floor=0.0).exact


def test_one_error_above_the_floor_is_not_exact():
    assert not fit_order(LEVELS, [1e-15, 1e-15, 1e-15, 1e-15, 1e-3], floor=1e-15).exact


@given(plateau=st.floats(1e-6, 1.0))
def test_an_error_that_does_not_shrink_has_order_zero(plateau):
    assert fit_order(LEVELS, [plateau] * 5, floor=1e-14).slope == pytest.approx(0.0, abs=EXACT_FIT)


def test_an_error_that_grows_has_a_negative_order():
    assert fit_order(LEVELS, power_law(1.0, -1.0), floor=1e-14).slope == pytest.approx(-1.0, abs=EXACT_FIT)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_a_plateau_that_begins_on_the_finest_level_is_not_asymptotic(order):
    errors = power_law(1.0, order)
    assert not fit_order(LEVELS, [*errors[:-1], errors[-2]], floor=0.0).asymptotic


def test_the_finest_levels_decide_and_not_the_coarse_ones():
    assert fit_order(LEVELS, [5.0, 5.0, *power_law(1.0, 2.0)[2:]], 0.0).slope == pytest.approx(2.0)


def test_successive_orders_that_differ_by_the_margin_are_still_asymptotic():
    errors = [1.0, 1.0 / 2, 1.0 / 2 / 2 ** (1 + ORDER_MARGIN / 2)]
    assert fit_order(LEVELS[:3], errors, 0.0).asymptotic


def test_successive_orders_that_differ_by_more_than_the_margin_are_not_asymptotic():
    errors = [1.0, 1.0 / 2, 1.0 / 2 / 2 ** (1 + 2 * ORDER_MARGIN)]
    assert not fit_order(LEVELS[:3], errors, 0.0).asymptotic


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_levels_that_are_not_finite_are_never_exact(value):
    fit = fit_order(LEVELS, [value] * 5, floor=1e-14)
    assert (fit.exact, fit.slope) == (False, pytest.approx(0.0, abs=EXACT_FIT))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_finest_level_that_is_not_finite_is_no_convergence(value):
    assert fit_order(LEVELS, [*power_law(1.0, 4.0)[:-1], value], 1e-14).slope < 0


def test_a_coarsest_level_that_is_not_finite_does_not_spoil_the_others():
    fit = fit_order(LEVELS, [math.inf, *power_law(1.0, 4.0)[1:]], 1e-14)
    assert (fit.slope, fit.asymptotic) == (pytest.approx(4.0, abs=EXACT_FIT), True)


def test_an_exact_layer_that_diverges_on_one_level_is_not_exact():
    assert not fit_order(LEVELS, [0.0, 0.0, math.nan, 0.0, 0.0], floor=1e-14).exact


def test_levels_and_errors_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        fit_order(LEVELS, [1.0], 0.0)


@given(order=orders, first=st.integers(1, 20), ratio=st.integers(2, 4))
def test_the_ratio_of_the_step_sizes_need_not_be_two(order, first, ratio):
    levels = [first * ratio**k for k in range(4)]
    assert fit_order(levels, power_law(1.0, order, levels), 0.0).slope == pytest.approx(order, abs=EXACT_FIT)


@given(exponent=st.floats(0.0, 1.5), constant=constants)
def test_the_growth_of_a_power_law_is_its_exponent(exponent, constant):
    errors = [constant * tol ** (1 - exponent) for tol in TOLERANCES]
    assert fit_growth(TOLERANCES, errors, floor=0.0) == pytest.approx(exponent, abs=EXACT_FIT)


@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
def test_local_error_control_of_any_order_stays_below_the_bound_on_growth(order):
    errors = [tol ** (order / (order + 1)) for tol in TOLERANCES]
    assert fit_growth(TOLERANCES, errors, floor=0.0) < MAXIMUM_GROWTH


@pytest.mark.parametrize("plateau", [1.0, 1e-4, math.nan, math.inf])
def test_an_error_that_ignores_the_tolerance_is_above_the_bound_on_growth(plateau):
    assert fit_growth(TOLERANCES, [plateau] * 6, floor=1e-14) > MAXIMUM_GROWTH


def test_growth_is_unknown_where_two_levels_are_above_the_floor():
    assert math.isnan(fit_growth(TOLERANCES, [1e-3, 1e-4, 0.0, 0.0, 0.0, 0.0], floor=1e-14))


def test_growth_is_that_of_the_tightest_four_tolerances():
    errors = [1.0, 1.0, *(tol for tol in TOLERANCES[2:])]
    assert fit_growth(TOLERANCES, errors, floor=0.0) == pytest.approx(0.0, abs=EXACT_FIT)


@given(order=st.integers(1, 8), error=st.floats(1e-8, 1.0))
def test_richardson_finds_the_error_of_the_finer_of_two_grids(order, error):
    exact = np.array([[0.5, -1.0]])
    coarse, fine = exact + error * 2.0**order, exact + error
    # The difference of two states of size 2**8 rounds by eps of that, against an error of 1e-8.
    assert richardson(coarse, fine, order) == pytest.approx(error, rel=2**9 * EPS / 1e-8)


def test_richardson_of_a_state_that_is_not_finite_is_not_finite():
    assert not math.isfinite(richardson(np.array([1.0]), np.array([math.nan]), 2))


def test_rms_of_nothing_is_zero():
    assert rms(np.array([])) == 0.0


def test_rms_of_a_constant_is_its_size():
    assert rms(np.full((3, 2), -2.0)) == 2.0


@given(scale=st.floats(1e-100, 1e100))
def test_a_relative_error_does_not_depend_on_the_unit(scale):
    exact = np.array([1.0, -2.0, 0.0])
    assert relative_error(scale * (exact + 0.125), scale * exact) == pytest.approx(
        relative_error(exact + 0.125, exact), rel=8 * EPS
    )


def test_an_entry_of_zero_does_not_blow_up_the_error_of_its_group():
    exact = np.array([1.0, 0.0])
    assert relative_error(np.array([1.0, 1e-8]), exact) == pytest.approx(1e-8, rel=8 * EPS)


def test_the_error_against_zero_is_absolute():
    assert relative_error(np.array([0.25, 0.25]), np.zeros(2)) == 0.25


def test_the_error_of_a_nan_is_nan():
    assert math.isnan(relative_error(np.array([math.nan, 1.0]), np.ones(2)))


EXACT = [
    {"y0": np.array([1.0, 2.0]), "w": np.array([3.0])},
    {"y0": np.array([0.5, 0.0]), "w": np.array([1.0])},
]


def test_a_right_gradient_has_no_error_in_any_group():
    assert group_errors(EXACT, EXACT) == {"y0": 0.0, "w": 0.0}


def test_a_missing_gradient_counts_as_zero_and_is_off_by_its_whole_size():
    assert group_errors([{**e, "w": None} for e in EXACT], EXACT) == {"y0": 0.0, "w": 1.0}


def test_a_wrong_group_leaves_the_others_alone():
    assert group_errors([{**e, "y0": 2 * e["y0"]} for e in EXACT], EXACT) == {"y0": 1.0, "w": 0.0}


def test_errors_of_opposite_sign_do_not_cancel_over_the_cotangents():
    signed = [{**e, "w": e["w"] + s} for e, s in zip(EXACT, (1.0, -1.0), strict=True)]
    assert group_errors(signed, EXACT)["w"] == pytest.approx(1 / math.sqrt(5), rel=8 * EPS)


def test_a_gradient_with_a_nan_has_an_error_of_nan():
    assert math.isnan(group_errors([{**e, "w": np.array([math.nan])} for e in EXACT], EXACT)["w"])


def test_gradients_that_are_fewer_than_the_cotangents_are_refused():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        group_errors(EXACT[:1], EXACT)


@pytest.mark.parametrize("n", [1, 16, 1000, 20_000])
@pytest.mark.parametrize(("dtype", "eps"), [(np.float64, EPS), (np.float32, EPS_FLOAT32)])
def test_a_sum_of_n_steps_stays_within_the_bound_on_rounding(n, dtype, eps):
    step = dtype(1.4) / dtype(n)
    total = dtype(0.3)
    for _ in range(n):
        total = total + step
    exact = 0.3 + n * float(step)
    assert abs(float(total) - exact) <= roundoff(n, 1.7, eps) + eps * 0.3


@pytest.mark.parametrize(("t0", "t1"), [(0.3, 1.7), (1.7, 0.3), (0.1, 0.8), (100.1, 101.3), (-3.3, 0.2)])
@pytest.mark.parametrize("n", [7, 16, 1000])
def test_time_that_is_added_up_from_differences_of_a_grid_stays_within_its_bound(n, t0, t1):
    grid = t0 + (t1 - t0) * np.arange(n + 1) / n
    elapsed = 0.0
    for before, after in itertools.pairwise(grid):
        elapsed += after - before
    assert abs(elapsed - (t1 - t0)) <= time_roundoff(n, t0, t1)


@pytest.mark.parametrize("n", [7, 16, 1000])
def test_a_float32_grid_is_outside_the_bound_on_time(n):
    grid = np.linspace(0.1, 0.8, n + 1).astype(np.float32).astype(np.float64)
    assert abs(grid[-1] - grid[0] - 0.7) > time_roundoff(n, 0.1, 0.8)


def test_one_step_too_many_of_a_thousand_is_outside_the_bound_on_time():
    assert time_roundoff(1000, 0.3, 1.7) < 1.4 / 1000


@given(n=st.integers(1, 10_000), magnitude=st.floats(1e-6, 1e6))
def test_the_bound_on_rounding_is_proportional_to_the_magnitude(n, magnitude):
    assert roundoff(n, magnitude) == pytest.approx(magnitude * roundoff(n), rel=8 * EPS)


def test_no_operation_rounds_like_one():
    assert roundoff(0) == roundoff(1)


def errors_of_slopes(*slopes):
    errors = [1.0]
    for slope in slopes:
        errors.append(errors[-1] * 2.0**-slope)
    return errors


@pytest.mark.parametrize(
    ("slopes", "falling"),
    [((6.1, 5.9, 5.6), True), ((5.0, 5.0, 5.0), False), ((6.0, 6.0, 6.0), False), ((4.4, 4.6, 4.8), False)],
)
def test_an_order_above_the_claim_that_still_falls_has_not_settled(slopes, falling):
    fitted = fit_order((8, 16, 32, 64), errors_of_slopes(*slopes), 1e-300)
    assert fitted.falls_towards(5) is falling


@pytest.mark.parametrize(
    ("slopes", "order"),
    [((4.1, 4.0, 1.6, 0.0), 4.05), ((3.6, 3.9, 4.0, 0.2), 3.95), ((0.9, 0.8, 0.6, 0.4), 0.85)],
)
def test_the_order_before_a_floor_is_that_on_which_levels_agree_best(slopes, order):
    fitted = fit_order((8, 16, 32, 64, 128), errors_of_slopes(*slopes), 1e-300)
    assert fitted.stalls
    assert fitted.before_the_floor == pytest.approx(order)


@pytest.mark.parametrize("slopes", [(4.3, 0.1, 0.0), (4.0, 2.4, 0.0), (0.0, 0.0, 0.0), (4.0, 0.0)])
def test_there_is_no_order_before_a_floor_where_no_two_agree(slopes):
    assert math.isnan(
        fit_order((8, 16, 32, 64)[: len(slopes) + 1], errors_of_slopes(*slopes), 1e-300).before_the_floor
    )
