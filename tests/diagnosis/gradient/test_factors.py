"""A constant factor is followed over two resolutions and named, or it has no name."""

from __future__ import annotations

import pytest

from nodecheck import problems
from nodecheck.diagnosis.gradient.factors import Factor
from nodecheck.diagnosis.gradient.observation import Observation

NEURAL = problems.neural  # batch of 4, 3 components, an interval of 1.4
SEEN = Observation(NEURAL, (NEURAL.y0,), ({},), 64)


def at_two_levels(fine: float, coarse: float) -> Factor:
    return Factor(fine, coarse, 2.0)


@pytest.mark.parametrize("power", [-1, 0, 1])
def test_a_power_of_the_step_is_recognised(power):
    assert at_two_levels(0.3, 0.3 * 2.0**power).power == power


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_power_is_recognised_within_its_margin_only(sign):
    inside, outside = (0.3 * 2.0 ** (1 + sign * distance) for distance in (0.19, 0.21))
    assert at_two_levels(0.3, inside).power == 1
    assert at_two_levels(0.3, outside).power is None


def test_factors_of_different_sign_are_no_power_of_the_step():
    assert at_two_levels(0.3, -0.3).power is None
    assert not at_two_levels(0.3, -0.3).is_consistent


def test_an_error_of_first_order_is_removed_from_a_factor():
    assert at_two_levels(0.25 + 0.01, 0.25 + 0.02).limit == pytest.approx(0.25, abs=1e-15)


def test_a_factor_is_named_within_three_residuals():
    residual = 1e-3
    inside, outside = (0.25 * (1 + times * residual) for times in (2.9, 3.1))
    assert Factor(inside, None, 1.0).names(SEEN, residual) == ["1/B = 1/4"]
    assert Factor(outside, None, 1.0).names(SEEN, residual) == []


def test_a_factor_that_is_exact_is_named_to_rounding_only():
    inside, outside = (0.25 * (1 + distance) for distance in (0.9e-6, 1.1e-6))
    assert Factor(inside, None, 1.0).names(SEEN, 0.0) == ["1/B = 1/4"]
    assert Factor(outside, None, 1.0).names(SEEN, 0.0) == []


def test_a_factor_that_is_too_uncertain_has_no_name():
    assert Factor(0.25, None, 1.0).names(SEEN, 0.049 / 3) == ["1/B = 1/4"]
    assert Factor(0.25, None, 1.0).names(SEEN, 0.051 / 3) == []


@pytest.mark.parametrize(
    ("excess", "text"),
    [
        (1.1e-3, "1.001 times it"),
        (0.9e-3, "(1 + 0.0009) times it"),
        (-0.9e-3, "(1 - 0.0009) times it"),
    ],
)
def test_of_a_factor_near_one_the_distance_from_one_is_told(excess, text):
    assert Factor(1 + excess, None, 1.0).describe(SEEN, 0.0, "it") == text


@pytest.mark.parametrize(("difference", "digits"), [(0.019, "0.00025"), (0.021, "0.0003")])
def test_two_digits_are_told_where_two_resolutions_agree_within_two_per_cent(difference, digits):
    excess = 2.54e-4
    factor = at_two_levels(1 + excess * (1 + difference), 1 + excess * (1 + 2 * difference))
    assert factor.describe(SEEN, 0.0, "it") == f"(1 + {digits}) times it"


def test_a_factor_with_a_name_and_a_flipped_sign_is_described_by_both():
    text = Factor(-0.25, None, 1.0).describe(SEEN, 0.0, "the exact gradient")
    assert text == "-0.25 times the exact gradient (sign flipped, 1/B = 1/4)"
