"""Two solutions are the same, or a sentence says what differs."""

# ruff: noqa: ARG005

from __future__ import annotations

import numpy as np
import pytest
from wrong_layers import adaptive, rk4

from nodecheck.layers import LayerUnderTest, Pullback, Solution
from nodecheck.options.profile import CI
from nodecheck.problems import neural
from nodecheck.variations.comparison import (
    compare,
    compared_resolution,
    judge_same,
    plain_solution,
    sentence,
)

FIXED = LayerUnderTest(rk4(), CI)
COTANGENT = np.ones_like(neural.y0)
USUAL = plain_solution(FIXED, neural, COTANGENT)


def changed(**groups):
    """Return the usual solution with some gradients multiplied by a number, or None in their place."""
    factors = {name: groups.get(name, 1.0) for name in USUAL.gradients}
    gradients = {k: None if f is None else f * USUAL.gradients[k] for k, f in factors.items()}
    return Solution(groups.get("y1", 1.0) * USUAL.y1, USUAL.calls, (Pullback(gradients),))


def said(found, expected=USUAL):
    return sentence(compare(FIXED, neural, found, expected), "here")


PARAMETERS = ("W1", "u", "b1", "W2", "b2")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (changed(y1=1.5), "y1 is off by 50 % here."),
        (changed(u=2.0), "∂L/∂u is off by 100 % here."),
        (changed(y1=1.5, u=3.0), "y1 and ∂L/∂u are off by 50 to 200 % here."),
        (changed(W1=None), "∂L/∂W1 is missing here."),
        (changed(W1=0.0), "∂L/∂W1 is missing here."),
        (changed(W1=None, u=1.5), "∂L/∂W1 is missing, ∂L/∂u is off by 50 % here."),
        (changed(W1=None, b1=None, b2=None), "∂L/∂W1, ∂L/∂b1 and ∂L/∂b2 are missing here."),
        (changed(**dict.fromkeys(PARAMETERS)), "All parameter gradients are missing here."),
        (changed(y0=None, **dict.fromkeys(PARAMETERS)), "All gradients are missing here."),
        (
            changed(**dict.fromkeys(PARAMETERS, 2.0)),
            "All parameter gradients are off by 100 % here.",
        ),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_sentence_says_what_differs(found, words):
    assert said(found) == words


def test_the_same_solution_is_within_bounds():
    assert compare(FIXED, neural, USUAL, USUAL).worst == 0


@pytest.mark.parametrize("factor", [1 + 1e-7, 1 - 1e-7, np.nan, np.inf])
def test_a_gradient_that_differs_beyond_rounding_is_not(factor):
    assert not compare(FIXED, neural, changed(W2=factor), USUAL).worst <= 1


def test_rounding_is_within_bounds_of_differences_too():
    assert compare(FIXED, neural, changed(W2=1 + 1e-9, y1=1 - 1e-9), USUAL).worst <= 1


def test_a_gradient_that_is_always_missing_is_not_compared():
    assert compare(FIXED, neural, changed(W1=None), changed(W1=None)).worst == 0


def test_a_gradient_that_was_not_asked_for_is_not_compared():
    asked = Solution(USUAL.y1, USUAL.calls, (Pullback({"W1": USUAL.gradients["W1"]}),))
    assert list(compare(FIXED, neural, asked, USUAL).excess) == ["y1", "∂L/∂W1"]


def test_a_layer_that_raises_fails_and_its_words_are_told():
    def build(dynamics, t0, t1, n_steps):
        def solve(y0):
            message = "not today."
            raise ValueError(message)

        return solve

    layer = LayerUnderTest(type(FIXED.claims)("raises", build), CI)
    measurement, words = judge_same("here", layer, neural, COTANGENT, lambda _: USUAL)
    assert not measurement.holds
    assert words == "The layer raises here: ValueError: not today."


def loose(error_at):
    """Return an adaptive layer that is off by error_at(tol)."""

    def build(dynamics, t0, t1, tol):
        solve = adaptive().build(dynamics, t0, t1, tol)
        return lambda y0: solve(y0) * (1 + error_at(tol))

    return LayerUnderTest(type(FIXED.claims)("loose", build), CI)


def judged(error_at):
    right = LayerUnderTest(adaptive(), CI)
    return judge_same(
        "here", loose(error_at), neural, COTANGENT, lambda tol: plain_solution(right, neural, COTANGENT, tol)
    )[0]


def test_an_adaptive_layer_may_differ_by_its_tolerance():
    assert judged(lambda tol: tol).holds
    assert "growth" not in judged(lambda tol: tol).name


def test_by_more_if_it_shrinks_with_the_tolerance():
    measurement = judged(lambda tol: 3 * tol**0.5)
    assert measurement.holds
    assert measurement.name == "growth exponent of the change here over the tolerance"


def test_but_not_by_as_much_at_every_tolerance():
    assert not judged(lambda tol: 0.05).holds


def test_few_steps_or_a_loose_tolerance_are_enough():
    assert (compared_resolution(FIXED), compared_resolution(LayerUnderTest(adaptive(), CI))) == (4, 1e-4)
