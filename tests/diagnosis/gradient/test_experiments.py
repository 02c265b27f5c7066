"""Experiments with other cotangents tell apart gradients that are clipped, mixed, rounded or random."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nodecheck import problems
from nodecheck.diagnosis.gradient.experiments import format_of_cotangent, run_experiments
from nodecheck.diagnosis.gradient.explain import explain_gradient
from nodecheck.diagnosis.gradient.observation import Observation
from nodecheck.numerics.formats import UNIT_ROUNDOFF, rounded
from nodecheck.reference import sensitivity

NEURAL = problems.neural


def observed(pullback, count=3) -> Observation:
    """Return the observation of a layer whose backward pass is a function of the cotangent."""
    v = tuple(np.random.default_rng(2).standard_normal((count, *NEURAL.y0.shape)))
    return Observation(NEURAL, v, tuple(pullback(row) for row in v), 64, pullback)


def exact(cotangent):
    return sensitivity(NEURAL).pullback(cotangent)


def scaled(pulled, factor):
    return {name: factor * rows for name, rows in pulled.items()}


def norm_clipped(cotangent):
    return scaled(exact(cotangent), 1.0 / max(1.0, np.linalg.norm(cotangent)))


def with_a_floor(cotangent):
    return {name: rows + 0.01 for name, rows in exact(cotangent).items()}


def squared(cotangent):
    return scaled(exact(cotangent), np.linalg.norm(cotangent))


def mixing(cotangent):
    return exact(cotangent + 1e-3 * cotangent.mean(axis=0))


def with_a_pattern(pulled):
    return {name: rows + np.sin(np.arange(rows.size)).reshape(rows.shape) for name, rows in pulled.items()}


class Moody:
    """A backward pass that is right every second time."""

    times = 0

    def __call__(self, cotangent):
        self.times += 1
        return scaled(exact(cotangent), 1.0 + 0.01 * (self.times % 2))


@pytest.mark.parametrize(
    ("pullback", "finding"),
    [
        (norm_clipped, "For 1/8192 of the cotangent the gradient is right: something is clipped"),
        (with_a_floor, "For 8192 times the cotangent the gradient is right: something is added"),
        (squared, "The gradient is not proportional to the cotangent."),
        (mixing, "A cotangent of batch member 0 alone reaches ∂L/∂y0 of members 0, 1, 2, 3"),
        (Moody(), "A second backward pass for the same cotangent returns other numbers."),
    ],
)
def test_an_experiment_finds_what_is_wrong(pullback, finding):
    (sentence,) = run_experiments(observed(pullback))
    assert finding in sentence


@pytest.mark.parametrize(("change", "found"), [(0.9e-9, False), (1.1e-9, True)])
def test_a_gradient_is_proportional_to_its_cotangent_to_nine_digits(change, found):
    def slightly_squared(cotangent):
        return scaled(exact(cotangent), 1.0 + change * (np.linalg.norm(cotangent) > 100))

    assert (
        "The gradient is not proportional to the cotangent." in run_experiments(observed(slightly_squared))
    ) == found


def test_a_right_layer_gives_nothing_to_find():
    assert run_experiments(observed(exact)) == []


def test_without_a_layer_to_ask_nothing_is_found():
    assert run_experiments(dataclasses.replace(observed(squared), again=None)) == []


@pytest.mark.parametrize("name", UNIT_ROUNDOFF)
def test_a_layer_that_rounds_its_cotangent_does_not_notice_that_it_was_rounded(name):
    assert format_of_cotangent(observed(lambda v: exact(rounded(v, name)))) == name


def test_a_right_layer_notices_that_its_cotangent_was_rounded():
    assert format_of_cotangent(observed(exact)) == ""


def test_a_layer_that_ignores_its_cotangent_rounds_nothing():
    assert format_of_cotangent(observed(lambda v: exact(np.ones_like(v)))) == ""


def test_a_cotangent_in_float32_is_named_below_the_error_of_discretisation():
    def pullback(v):
        return scaled(exact(rounded(v, "float32")), 1.0 + 1e-8)

    text = explain_gradient(observed(pullback), order=4, exact_to=1e-12)
    assert "the cotangent passes through float32" in text


def test_a_large_error_is_not_put_down_to_a_rounded_cotangent():
    def pullback(v):
        return with_a_pattern(exact(rounded(v, "float32")))

    assert "float32" not in explain_gradient(observed(pullback), exact_to=1e-12)


def test_experiments_follow_what_is_unexplained():
    text = explain_gradient(observed(mixing), exact_to=1e-12)
    assert "Unexplained" in text
    assert text.endswith("the backward pass mixes the members of the batch.")
