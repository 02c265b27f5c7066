"""A right gradient that is clipped, decayed, reordered or rounded: told from each other by their numbers."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from broken_adjoints import Bug, altered, observe

from nodecheck import problems
from nodecheck.diagnosis.gradient.adjoint_solver import make_adjoint_solver
from nodecheck.diagnosis.gradient.adjoints import with_scaled_jacobian
from nodecheck.diagnosis.gradient.explain import explain_gradient
from nodecheck.diagnosis.gradient.matcher import make_matcher
from nodecheck.diagnosis.gradient.observation import Observation, pull_back
from nodecheck.diagnosis.gradient.relations import scaled_jacobians
from nodecheck.reference import sensitivity

NEURAL, CONSTANT, LINEAR = problems.neural, problems.constant, problems.linear
PARAMS = tuple(NEURAL.params)


@functools.lru_cache
def right(n: int) -> Observation:
    return observe(NEURAL, n)


def explain_altered(change) -> str:
    return explain_gradient(*(altered(right(n), change) for n in (64, 32)))


def explain(bug: Bug, problem=NEURAL, **options) -> str:
    return explain_gradient(*(observe(problem, n, bug, **options) for n in (64, 32)))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda x: {p: np.clip(x.gradients[p], -1, 1) for p in PARAMS}, "They are clipped to [-1, 1] ("),
        (
            lambda x: {p: x.gradients[p] + 1e-4 * NEURAL.params[p] for p in PARAMS},
            "0.0001 times the parameters too large, whatever the cotangent (weight decay) (",
        ),
        (
            lambda x: {"u": x.gradients["u"] + [0.5, 1, 0.25, 2, 0.75]},
            "right but for a part that does not depend on the",
        ),
        (
            lambda x: {"W1": np.where(np.abs(x.gradients["W1"]) < 0.1, 0.0, x.gradients["W1"])},
            "It is zero where it is smaller than a limit between",
        ),
        (
            lambda x: {"y0": np.roll(x.gradients["y0"], 1, axis=0)},
            "It is right but with its batch members in another order: 3, 0, 1, 2 (",
        ),
        (
            lambda x: {"b1": x.gradients["b1"][[1, 0, 2, 4, 3]]},
            "It is right but with its entries in another order: 1, 0, 2, 4, 3 (",
        ),
        (lambda x: {"b2": (1 + 1e-5) * x.gradients["b2"]}, "It is (1 + 1e-05) times the exact gradient ("),
    ],
)
def test_what_is_done_to_a_right_gradient_is_named(change, cause):
    assert cause in explain_altered(change)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: {p: 0.3 * x.gradients[p] for p in PARAMS},
        lambda x: {p: np.clip(x.gradients[p], -1, 1) for p in PARAMS},
        lambda x: {p: x.gradients[p] + 0.1 * NEURAL.params[p] for p in PARAMS},
    ],
)
def test_a_factor_a_limit_and_a_decay_are_not_called_another_order(change):
    text = explain_altered(change)
    assert "order:" not in text
    assert "batch member" not in text.split("runner-up")[0]


def test_a_multiple_of_the_jacobian_is_named():
    assert "match an adjoint driven by 0.5 times Jᵀ (" in explain(Bug(product="half"))


def test_a_clipped_cotangent_is_named_with_its_limit():
    assert "match the gradient for a cotangent clipped to [-0.5, 0.5] (" in explain(Bug(cotangent="clipped"))


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_a_cotangent_in_a_lower_precision_is_named(name):
    assert f"match the gradient for a cotangent rounded to {name} (" in explain(Bug(cotangent=name))


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_an_adjoint_that_is_rounded_in_every_step_is_named(name):
    assert f"∂L/∂y0 consists of {name} numbers: the adjoint is rounded to {name}." in explain(
        Bug(rounded=name)
    )


def test_an_adjoint_in_float32_is_named_where_discretisation_leaves_it_visible():
    text = explain(Bug(rounded="float32"), problems.lotka_volterra)
    assert "∂L/∂y0 consists of float32 numbers: the adjoint is rounded to float32." in text


def test_rounding_is_no_explanation_of_an_error_that_is_larger():
    def change(x):
        return {"y0": np.float32(1.5 * x.gradients["y0"]).astype(np.float64)}

    text = explain_altered(change)
    assert "rounded" not in text
    assert "1.5 times" in text


def test_noise_of_the_size_of_float32_is_not_called_float32():
    noise = np.random.default_rng(0).standard_normal((64, 2))

    def change(x):
        return {
            "y0": x.gradients["y0"]
            * (1 + 1e-7 * noise[: x.gradients["y0"].size, 0].reshape(x.gradients["y0"].shape))
        }

    pair = [altered(observe(problems.lotka_volterra, n), change) for n in (128, 64)]
    text = explain_gradient(*pair, order=4)
    assert "float32" not in text
    assert "Unexplained" in text
    assert "the numbers themselves are float64" in text


def test_a_small_error_is_not_called_a_backward_scheme():
    def change(x):
        return {
            "y0": x.gradients["y0"] + 1e-8 * np.cos(np.arange(6)).reshape(3, 2) * 64 / x.observation.n_steps
        }

    pair = [altered(observe(problems.lotka_volterra, n), change) for n in (128, 64)]
    text = explain_gradient(*pair, order=4)
    assert "backward scheme" not in text
    assert "an error of" in text


def identity(change) -> str:
    """Explain the gradient of y' = c, of which every consistent method is exact, after a change."""
    v = tuple(np.random.default_rng(1).standard_normal((5, *CONSTANT.y0.shape)))
    exact = [sensitivity(CONSTANT).pullback(row) for row in v]
    found = tuple({**g, **change(g)} for g in exact)
    return explain_gradient(Observation(CONSTANT, v, found, 16), exact_to=1e-12)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda g: {"c": g["c"] / 3}, "0.3333 times the exact gradient (1/B = 1/3)"),
        (lambda g: {"c": g["c"] * 1.4 / 16}, "0.0875 times the exact gradient (h = 0.0875)"),
        (lambda g: {"c": (1 + 1e-9) * g["c"]}, "(1 + 1e-09) times the exact gradient"),
        (lambda g: {"c": g["c"] * [0, 1]}, "wrong in 1 of 2 entries, (0,), zero there"),
        (lambda g: {"c": g["c"] * [1, 1.001]}, "wrong in 1 of 2 entries, (1,), 1.001 times the exact value"),
        (lambda g: {"c": 0 * g["c"]}, "It is zero ("),
        (lambda g: {"c": np.clip(g["c"], -1, 1)}, "It is clipped to [-1, 1]"),
        (lambda g: {"c": g["c"] + 1e-4 * CONSTANT.params["c"]}, "0.0001 times the parameters too large"),
        (lambda g: {"c": g["c"][::-1]}, "with its entries in another order: 1, 0"),
        (lambda g: {"y0": g["y0"][::-1]}, "whose batch members are in reverse order"),
    ],
)
def test_on_a_field_without_discretisation_error_the_smallest_mistake_is_named(change, cause):
    assert cause in identity(change)


def test_on_a_field_without_discretisation_error_a_right_gradient_needs_no_explanation():
    assert identity(lambda _: {}) == ""


def test_a_group_that_shares_the_factor_of_the_others_is_among_the_wrong_ones():
    # The same words come from a fit to all groups and from one to the parameters alone.
    text = explain_altered(lambda x: {name: 2 * rows for name, rows in x.gradients.items()})
    assert text.startswith("All gradients are off by 100 %")


def driven_by(factor: float, problem) -> Observation:
    """Return the gradients of an adjoint that is driven by a factor times Jᵀ."""
    v = np.random.default_rng(0).standard_normal((3, *problem.y0.shape))
    wrong = pull_back(with_scaled_jacobian(make_adjoint_solver(problem), factor), v)
    shapes = {name: value.shape for name, value in problem.groups.items()}
    rows = [{name: wrong[name][k].reshape(shapes[name]) for name in shapes} for k in range(3)]
    return Observation(problem, tuple(v), tuple(rows), 64)


@pytest.mark.parametrize("problem", [LINEAR, problems.spiral], ids=lambda p: p.name)
@pytest.mark.parametrize("factor", [0.0, 0.5, 1.5])
def test_newton_finds_a_factor_of_the_jacobian_to_six_digits(factor, problem):
    matcher = make_matcher(driven_by(factor, problem), None, None)
    assert matcher.compare(scaled_jacobians(matcher)[0].levels, matcher.groups).size <= 1e-6


@pytest.mark.parametrize(("factor", "found"), [(3.9, True), (4.1, False)])
def test_no_factor_above_four_is_believed(factor, found):
    weak = LINEAR.replace(params={**LINEAR.params, "A": 0.01 * LINEAR.params["A"]})
    phrases = [each.phrase for each in scaled_jacobians(make_matcher(driven_by(factor, weak), None, None))]
    assert ("match an adjoint driven by 3.9 times Jᵀ" in phrases) == found
    assert any("driven by" in phrase for phrase in phrases) == found
