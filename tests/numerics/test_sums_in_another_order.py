"""The factor by which bounds allow for sums in another order holds for the suite and for the worst order."""

import math

import numpy as np
import pytest

from nodecheck.checks import CHECKS
from nodecheck.numerics import EPS, ROUNDINGS_PER_STEP
from nodecheck.numerics.constants import LONGEST_SUM, SUMS_IN_ANOTHER_ORDER

POSED = {p.name: p for check in CHECKS for p in (*check.problems, *(more for _, more in check.more))}


@pytest.mark.parametrize("problem", POSED.values(), ids=list(POSED))
def test_no_problem_of_a_check_has_a_longer_sum(problem):
    lengths = [length for value in (problem.y0, *problem.params.values()) for length in value.shape]
    assert max(lengths) <= LONGEST_SUM


@pytest.mark.parametrize("seed", range(20))
def test_two_orders_of_a_sum_differ_by_no_more(seed):
    terms = np.random.default_rng(seed).standard_normal(LONGEST_SUM)
    sequential = sum(sorted(terms))
    pairwise = math.fsum(terms)
    bound = SUMS_IN_ANOTHER_ORDER * ROUNDINGS_PER_STEP * EPS * np.abs(terms).sum()
    assert abs(sequential - pairwise) <= bound


def test_a_term_that_is_lost_is_still_far_beyond_it():
    assert SUMS_IN_ANOTHER_ORDER * ROUNDINGS_PER_STEP * EPS < 1e-13
