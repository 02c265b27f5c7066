"""Errors are judged by size and order; the nearest candidates are chosen, and a runner-up is named."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nodecheck import problems
from nodecheck.diagnosis.gradient.match import Candidate
from nodecheck.diagnosis.gradient.matcher import Matcher, make_matcher
from nodecheck.diagnosis.gradient.observation import Observation
from nodecheck.reference import sensitivity

CONSTANT = problems.constant
EXACT = sensitivity(CONSTANT).pullback(np.ones_like(CONSTANT.y0))
DIRECTION = EXACT["c"] / np.linalg.norm(EXACT["c"])


def with_error(error: float, n_steps: int | None = 64, tolerance: float | None = None) -> Observation:
    """Return an observation of which ∂L/∂c is off by a part of its size."""
    wrong = {**EXACT, "c": (1.0 + error) * EXACT["c"]}
    cotangents = (np.ones_like(CONSTANT.y0),)
    return Observation(CONSTANT, cotangents, (wrong,), n_steps, tolerance=tolerance)


def matcher_of(fine: float, coarse: float | None = None, order: int | None = None, **known) -> Matcher:
    second = None if coarse is None else with_error(coarse, 32)
    return make_matcher(with_error(fine), second, order, **known)


def leaving(matcher: Matcher, residual: float, phrase: str, freedom: int = 0) -> Candidate:
    """Return a candidate that differs from the observation by a part of the size of ∂L/∂c."""

    def predicted(level):
        rows = level["c"] + residual * matcher.scales["c"] * DIRECTION
        return {**level, "c": rows}

    fine, coarse = matcher.observed
    return Candidate(phrase, (predicted(fine), predicted(coarse) if coarse else None), freedom)


@pytest.mark.parametrize(("error", "wrong"), [(0.9e-11, ()), (1.1e-11, ("c",))])
def test_an_error_of_rounding_is_right_whatever_its_order(error, wrong):
    assert matcher_of(error, error).wrong == wrong


def test_the_error_of_the_reference_counts_a_hundredfold(monkeypatch):
    poor = dataclasses.replace(sensitivity(CONSTANT), rtol=1e-6)
    monkeypatch.setattr("nodecheck.diagnosis.gradient.matcher.sensitivity", lambda _: poor)
    assert matcher_of(0.9e-4, 0.9e-4).wrong == ()
    assert matcher_of(1.1e-4, 1.1e-4).wrong == ("c",)


@pytest.mark.parametrize(("error", "wrong"), [(0.32, ()), (0.34, ("c",))])
def test_an_error_of_a_third_is_none_of_discretisation(error, wrong):
    assert matcher_of(error, 2 * error).wrong == wrong


@pytest.mark.parametrize(("coarse", "wrong"), [(2**0.45, ("c",)), (2**0.55, ())])
def test_an_error_that_shrinks_at_order_a_half_is_one_of_discretisation(coarse, wrong):
    assert matcher_of(1e-3, coarse * 1e-3).wrong == wrong


@pytest.mark.parametrize(("coarse", "wrong"), [(2**3.4, ("c",)), (2**3.6, ())])
def test_an_error_must_shrink_at_the_claimed_order(coarse, wrong):
    assert matcher_of(1e-3, coarse * 1e-3, order=4).wrong == wrong


@pytest.mark.parametrize(("error", "wrong"), [(0.9 / 64, ()), (1.1 / 64, ("c",))])
def test_at_one_resolution_an_error_of_order_one_is_right(error, wrong):
    assert matcher_of(error).wrong == wrong


@pytest.mark.parametrize(("error", "wrong"), [(0.9e-3, ()), (1.1e-3, ("c",))])
def test_of_an_adaptive_layer_at_one_tolerance_three_digits_are_right(error, wrong):
    assert make_matcher(with_error(error, None), None, None).wrong == wrong


@pytest.mark.parametrize(("coarse", "wrong"), [(10**0.45, ("c",)), (10**0.55, ())])
def test_of_an_adaptive_layer_the_error_must_follow_the_tolerance(coarse, wrong):
    """MAXIMUM_GROWTH = 3/4: an error must shrink by a quarter of the decades of the tolerance at least."""
    fine, loose = with_error(0.01, None, 1e-6), with_error(0.01 * coarse, None, 1e-4)
    assert make_matcher(fine, loose, None).wrong == wrong


def test_a_group_whose_exact_gradient_is_zero_has_a_small_scale():
    zero = {name: np.zeros_like(rows) for name, rows in EXACT.items()}
    alone = dataclasses.replace(with_error(0.0), cotangents=(np.zeros_like(CONSTANT.y0),), gradients=(zero,))
    assert make_matcher(alone, None, None).scales == {"y0": 1e-12, "c": 1e-12}


@pytest.mark.parametrize(("other", "phrases"), [(2.9e-3, ("match A", "match B")), (3.1e-3, ("match A",))])
def test_candidates_within_a_factor_of_three_are_not_told_apart(other, phrases):
    matcher = matcher_of(0.5)
    candidates = [leaving(matcher, other, "match B"), leaving(matcher, 1e-3, "match A")]
    match = matcher.select(candidates, ("c",), 0.0)
    assert match is not None
    assert match.phrases == phrases


def test_of_candidates_that_do_as_well_the_one_of_least_freedom_is_chosen():
    matcher = matcher_of(0.5)
    candidates = [leaving(matcher, 1e-4, "be fitted", 2), leaving(matcher, 2e-4, "match A")]
    match = matcher.select(candidates, ("c",), 0.0)
    assert match is not None
    assert match.phrases == ("match A",)


@pytest.mark.parametrize(("residual", "named"), [(0.44, True), (0.46, False)])
def test_a_runner_up_is_named_if_it_is_better_than_the_exact_gradient(residual, named):
    matcher = matcher_of(0.5)
    candidates = [leaving(matcher, 1e-3, "match A"), leaving(matcher, residual, "match B")]
    match = matcher.select(candidates, ("c",), 0.0)
    assert match is not None
    assert (match.runner_up is not None) == named


@pytest.mark.parametrize(("share", "accounts"), [(0.4, False), (0.6, True)])
def test_a_candidate_accounts_for_a_group_if_it_changes_it_by_half_of_the_error(share, accounts):
    matcher = matcher_of(0.2)
    candidate = leaving(matcher, -0.2 + 0.2 * share, "match A")
    assert matcher.predicts_change(candidate, "c") == accounts
    assert not matcher.predicts_change(candidate, "y0")


def test_a_layer_of_order_two_leaves_no_room_for_a_mistake_of_one_step():
    assert matcher_of(1e-3, 4e-3).is_settled
    assert not matcher_of(1e-3, 2e-3).is_settled
