"""The limit of a ladder is found by extrapolation, with an estimate of what remains unknown of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nodecheck.numerics.extrapolation import limit

LEVELS = (8, 16, 32, 64, 128)
EXACT = np.array([[1.0, -2.0]])


def ladder(*terms, constant=0.0):
    """Return values with the errors sum of c h^p, and one that does not depend on h."""
    errors = [sum(c * (1 / n) ** p for c, p in terms) for n in LEVELS]
    return [EXACT * (1 + constant + e) for e in errors]


def error(found):
    return float(np.sqrt(np.mean((found.value - EXACT) ** 2)))


@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_estimate_of_a_limit_is_about_its_error(order):
    found = limit(ladder((1.0, order), (2.0, order + 1), (3.0, order + 2)), order)
    assert found.estimate / 2 <= error(found) <= 2 * found.estimate


def test_an_error_that_does_not_depend_on_the_step_is_left_and_not_explained():
    found = limit(ladder((1.0, 1), (2.0, 2), (3.0, 3), constant=1e-4), 1)
    assert error(found) > 5 * found.estimate


def test_a_sequence_of_another_order_is_given_its_own_error():
    found = limit(ladder((1.0, 1), (2.0, 1.5)), 2)
    assert error(found) <= 2 * found.estimate


def test_a_limit_of_values_that_are_not_finite_has_no_estimate():
    assert math.isnan(limit([*ladder((1.0, 1))[:-1], EXACT * math.nan], 1).estimate)
