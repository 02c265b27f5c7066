"""A prediction is believed if it is much nearer than the exact gradient and leaves what shrinks with h."""

from __future__ import annotations

import numpy as np
import pytest

from nodecheck.diagnosis.gradient.comparison import Comparison


def of_sizes(fine: float, coarse: float | None = None, ratio: float = 2.0) -> Comparison:
    """Return a comparison whose differences point in one direction."""
    return Comparison(np.array([fine]), None if coarse is None else np.array([coarse]), ratio)


@pytest.mark.parametrize(("times_nearer", "believed"), [(29.0, False), (31.0, True)])
def test_a_prediction_is_believed_if_it_is_thirty_times_nearer(times_nearer, believed):
    found = of_sizes(1 / times_nearer, 2 / times_nearer)
    assert found.explains(of_sizes(1.0, 2.0), 0.0, 0.0) == believed


def test_a_random_direction_is_thirty_times_nearer_to_a_line_in_one_of_1800_draws():
    """The area of two caps on the sphere, 1 - cos(angle), with sin(angle) = 1/30."""
    assert 1 - np.cos(np.arcsin(1 / 30)) == pytest.approx(1 / 1800, rel=1e-3)


@pytest.mark.parametrize(("times_nearer", "believed"), [(1.9, False), (2.1, True)])
def test_the_coarse_level_must_not_contradict_the_fine_one(times_nearer, believed):
    found = of_sizes(1e-3, 1 / times_nearer)
    assert found.explains(of_sizes(1.0, 1.0), 0.0, 0.0) == believed


@pytest.mark.parametrize(("coarse", "believed"), [(1.9e-2, False), (2.1e-2, True)])
def test_without_a_step_the_difference_must_halve_from_one_tolerance_to_the_next(coarse, believed):
    found = of_sizes(1e-2, coarse, ratio=1.0)
    assert found.explains(of_sizes(1.0, 1.0, ratio=1.0), 0.0, 1e-3) == believed


def test_without_a_step_a_small_difference_is_believed_as_it_is():
    assert of_sizes(0.9e-3).explains(of_sizes(1.0), 0.0, 1e-3)
    assert not of_sizes(1.1e-3).explains(of_sizes(1.0), 0.0, 1e-3)


@pytest.mark.parametrize("order", range(1, 7))
def test_the_error_of_a_method_is_extrapolated_away_at_every_order_up_to_six(order):
    assert of_sizes(1e-2, 1e-2 * 2.0**order).limit <= 1e-15


def test_a_constant_difference_stays_when_extrapolated():
    assert of_sizes(1e-2, 1e-2).limit == pytest.approx(1e-2)


def test_a_limit_explains_a_layer_that_does_not_converge_to_the_exact_gradient():
    found = of_sizes(0.1, 0.2)  # only three times as near as it stands
    assert found.explains(of_sizes(0.3, 0.4001), 0.0, 0.0)
    assert not found.explains(of_sizes(0.3, 0.6), 0.0, 0.0)


@pytest.mark.parametrize("order", [0.5, 1.0, 4.0])
def test_the_order_is_the_power_of_the_step(order):
    assert of_sizes(1e-3, 1e-3 * 3.0**order, ratio=3.0).order == pytest.approx(order)


def test_what_is_no_number_explains_nothing():
    assert not of_sizes(np.nan, np.nan).explains(of_sizes(1.0, 1.0), 0.0, 0.0)
