"""A gradient that no hypothesis explains is described by its size, its format and its order."""

from __future__ import annotations

import numpy as np
import pytest

from nodecheck import problems
from nodecheck.diagnosis.gradient.explain import explain_gradient
from nodecheck.diagnosis.gradient.match import Candidate, Match
from nodecheck.diagnosis.gradient.matcher import Matcher, make_matcher
from nodecheck.diagnosis.gradient.observation import Observation
from nodecheck.diagnosis.gradient.phrases import cause, join, number
from nodecheck.diagnosis.gradient.unexplained import describe_unexplained, explain_rounded_gradients
from nodecheck.numerics.formats import UNIT_ROUNDOFF, rounded
from nodecheck.reference import sensitivity

LINEAR = problems.linear
COTANGENT = np.cos(np.arange(LINEAR.y0.size)).reshape(LINEAR.y0.shape)
EXACT = sensitivity(LINEAR).pullback(COTANGENT)


def seen(change, n_steps: int | None) -> Observation:
    gradients = {name: change(np.asarray(rows), n_steps) for name, rows in EXACT.items()}
    return Observation(LINEAR, (COTANGENT,), (gradients,), n_steps)


def matcher_of(change, n_steps: int | None = 64, order: int | None = None) -> Matcher:
    coarse = None if n_steps is None else seen(change, n_steps // 2)
    return make_matcher(seen(change, n_steps), coarse, order)


def turned(size: float):
    """Return a change by a part of the size of a gradient, at a right angle to it."""

    def change(rows, _):
        other = np.sin(1.0 + np.arange(rows.size)).reshape(rows.shape)
        other -= rows * np.vdot(other, rows) / np.vdot(rows, rows)
        return rows + size * other * np.linalg.norm(rows) / np.linalg.norm(other)

    return change


@pytest.mark.parametrize(("size", "words"), [(0.9e-3, "an error of"), (1.1e-3, "at an angle of 0.1°")])
def test_an_angle_is_told_from_a_tenth_of_a_degree(size, words):
    assert words in describe_unexplained(matcher_of(turned(size)), tuple(EXACT))


def test_two_groups_are_described_and_the_others_counted():
    text = describe_unexplained(matcher_of(turned(0.1)), ("y0", "A", "b"))
    assert text.count("of the exact magnitude") == 2
    assert text.endswith("; 1 other gradient is wrong too.")


@pytest.mark.parametrize(
    ("constant", "words"), [(1.1e-3, "a backward scheme of order 2"), (0.9e-3, "error of")]
)
def test_an_error_with_a_small_constant_is_no_backward_scheme(constant, words):
    def change(rows, n):
        return turned(constant / n**2)(rows, n)

    assert words in describe_unexplained(matcher_of(change, order=4), tuple(EXACT))


@pytest.mark.parametrize(("share", "found"), [(0.9, True), (1.1, False)])
@pytest.mark.parametrize(("n_steps", "most"), [(64, 64), (None, 1000)])
def test_rounding_explains_one_unit_roundoff_per_step(share, found, n_steps, most):
    error = share * most * UNIT_ROUNDOFF["bfloat16"]

    def change(rows, _):
        return rounded(rows * (1 + error), "bfloat16")

    assert bool(explain_rounded_gradients(matcher_of(change, n_steps))) == found


@pytest.mark.parametrize(("share", "hint"), [(0.195, True), (0.21, False)])
def test_a_hypothesis_that_leaves_a_fifth_of_the_error_is_a_hint(share, hint):
    v = np.random.default_rng(0).standard_normal((3, *LINEAR.y0.shape))
    exact = [sensitivity(LINEAR).pullback(row) for row in v]
    shifted = [sensitivity(LINEAR).pullback(np.roll(row, 1, axis=0))["y0"] for row in v]
    wrong = np.array(shifted) - np.array([each["y0"] for each in exact])
    aside = turned(share)(wrong, None) - wrong  # at a right angle to all that the hypothesis explains
    found = [{**g, "y0": h + a} for g, h, a in zip(exact, shifted, aside, strict=True)]
    text = explain_gradient(Observation(LINEAR, tuple(v), tuple(found), 64))
    assert "Unexplained" in text
    assert ("Nearest hypothesis: the gradient for a cotangent whose batch members" in text) == hint


def test_three_alternatives_are_named_at_most():
    candidates = tuple(Candidate(f"match g{k}", (EXACT, None)) for k in range(4))
    text = cause(matcher_of(turned(0.1)), Match(("y0",), candidates, 0.0, 0.1, None, np.inf))
    assert ("g2" in text, "g3" in text) == (True, False)


def test_numbers_and_lists_are_written_as_words_are():
    assert number(3.14e-9) == "3.1e-9"
    assert join(["a", "b", "c"]) == "a, b and c"
