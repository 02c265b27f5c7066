"""A pattern in the entries of one gradient is a candidate if enough entries show it."""

from __future__ import annotations

import numpy as np
import pytest

from nodecheck import problems
from nodecheck.diagnosis.gradient.entries import wrong_entries
from nodecheck.diagnosis.gradient.group_changes import changes_of_group
from nodecheck.diagnosis.gradient.matcher import make_matcher
from nodecheck.diagnosis.gradient.observation import Observation
from nodecheck.reference import sensitivity


def matcher_of(change, size: int = 6, exact_to: float | None = None):
    """Return the matcher of y' = c with c of some size, after a change of the right ∂L/∂c."""
    y0 = np.sin(np.arange(2.0 * size)).reshape(2, size)
    problem = problems.constant.replace(y0=y0, params={"c": np.cos(np.arange(size))})
    v = 1.0 + np.arange(2.0 * size).reshape(2, size)
    exact = sensitivity(problem).pullback(v)
    return make_matcher(
        Observation(problem, (v,), ({**exact, "c": change(exact["c"])},), 64), None, None, exact_to
    )


def phrases(change, size: int = 6, exact_to: float | None = None) -> list[str]:
    matcher = matcher_of(change, size, exact_to)
    return [each.phrase for each in (*changes_of_group(matcher, "c"), *wrong_entries(matcher, "c"))]


def doubled(*indices: int):
    return lambda c: c * np.where(np.isin(np.arange(c.size), indices), 2.0, 1.0)


@pytest.mark.parametrize(("size", "found"), [(3, False), (4, True)])
def test_entries_stand_out_among_four_at_least(size, found):
    assert any("1 of" in phrase for phrase in phrases(doubled(0), size)) == found


@pytest.mark.parametrize(("factor", "found"), [(29.0, False), (31.0, True)])
def test_entries_stand_out_if_their_errors_are_thirty_times_larger(factor, found):
    def change(c):
        return c + 1e-4 * np.array([factor, 1.0, 1.0, 1.0, 1.0, 1.0])

    assert any("1 of 6" in phrase for phrase in phrases(change)) == found


def test_four_wrong_entries_are_listed_and_of_more_the_first_four():
    four, five = (phrases(doubled(*range(k)), exact_to=1e-12)[-1] for k in (4, 5))
    assert "be wrong in 4 of 6 entries, (0,), (1,), (2,), (3,), 2 times" in four
    assert "be wrong in 5 of 6 entries, (0,), (1,), (2,), (3,), ..., 2 times" in five


@pytest.mark.parametrize(("size", "found"), [(64, True), (65, False)])
def test_an_order_is_looked_for_among_64_entries_at_most(size, found):
    assert any("in another order" in phrase for phrase in phrases(np.flip, size)) == found


@pytest.mark.parametrize(("limit", "found"), [(5.5, False), (4.5, True)])
def test_a_gradient_is_clipped_if_two_entries_are_at_the_limit(limit, found):
    def clipped(c):
        sizes = np.arange(1.0, 7.0)  # one of them is above 5.5, two above 4.5
        return np.minimum(sizes, limit)

    assert any("be clipped" in phrase for phrase in phrases(clipped)) == found


@pytest.mark.parametrize(("difference", "found"), [(0.9e-9, True), (1.1e-9, False)])
def test_two_entries_are_at_one_limit_to_rounding(difference, found):
    def nearly_clipped(c):
        return np.array([1.0, 2.0, 3.0, 4.0, 5.0, 5.0 * (1 - difference)])

    assert any("be clipped" in phrase for phrase in phrases(nearly_clipped)) == found


@pytest.mark.parametrize(("zeros", "found"), [(1, False), (2, True), (4, True), (5, False)])
def test_a_gradient_is_cut_off_if_two_entries_of_each_kind_show_it(zeros, found):
    def cut_off(c):
        return np.where(np.argsort(np.argsort(np.abs(c))) < zeros, 0.0, c)

    assert any("smaller than a limit" in phrase for phrase in phrases(cut_off)) == found
