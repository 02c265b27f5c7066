"""A report names the first check that failed: one that sees the cause, and the largest error."""

from __future__ import annotations

import pytest

from nodecheck.checks import CHECKS

IDS = [check.id for check in CHECKS]


@pytest.mark.parametrize("cause", ["constant-field-gradient", "gradient-order", "gradient-tolerance"])
def test_wrong_entries_are_named_before_what_unused_parameters_change(cause):
    assert IDS.index(cause) < IDS.index("uninvolved-parameters")


@pytest.mark.parametrize("large", ["constant-field", "polynomial-field", "forward-order"])
def test_large_errors_are_named_before_the_precision_of_the_times(large):
    assert IDS.index(large) < IDS.index("time-precision")


@pytest.mark.parametrize("symptom", ["gradient-class", "finite-differences", "backprop-agreement"])
def test_the_cause_of_a_wrong_gradient_comes_before_its_distances(symptom):
    assert IDS.index("gradient-order") < IDS.index(symptom)
