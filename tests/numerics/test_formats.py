"""Numbers of a lower precision are recognised by their bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nodecheck.numerics.formats import UNIT_ROUNDOFF, format_of, rounded

VALUES = np.random.default_rng(0).standard_normal(1000)


@pytest.mark.parametrize("name", UNIT_ROUNDOFF)
def test_values_are_rounded_as_torch_rounds_them(name):
    expected = torch.tensor(VALUES).to(getattr(torch, name)).double().numpy()
    assert np.array_equal(rounded(VALUES, name), expected)


@pytest.mark.parametrize("name", UNIT_ROUNDOFF)
def test_rounding_errs_by_the_unit_roundoff_at_most(name):
    assert np.max(np.abs(rounded(VALUES, name) / VALUES - 1)) <= UNIT_ROUNDOFF[name]


@pytest.mark.parametrize("name", UNIT_ROUNDOFF)
def test_the_coarsest_format_is_recognised(name):
    assert format_of(rounded(VALUES[:3], name)) == name


def test_two_numbers_are_too_few_to_recognise_a_format():
    assert format_of(rounded(VALUES[:2], "float32")) == ""


def test_one_number_of_a_higher_precision_suffices():
    assert format_of([*rounded(VALUES[:4], "float32"), 0.1]) == ""


def test_zeros_signs_and_clipped_values_are_no_evidence():
    assert format_of([0.0, 1.0, -1.0, 0.5, 0.5, -0.5]) == ""


def test_what_is_no_number_is_no_evidence():
    assert format_of([np.nan, np.inf, 1.0, 2.0, 3.0]) == ""
