"""Problems compare by value, and their parameters may have any name."""

from __future__ import annotations

import numpy as np
import pytest

from nodecheck.layers import LayerUnderTest, Solve, TorchLayer, backend_of
from nodecheck.measure.convergence import gradient_ladders
from nodecheck.measure.pictures import backward_trajectory
from nodecheck.neural_ode import ODELayer
from nodecheck.numerics import EPS
from nodecheck.options.profile import SMOKE
from nodecheck.problems import RESERVED, Problem, group_of, linear, neural, power
from nodecheck.reference import group_weights, sensitivity


def again(problem, **changes):
    """Return a problem with the same numbers in other arrays, and with some attributes changed."""
    params = {name: np.array(value) for name, value in problem.params.items()}
    return problem.replace(**{"y0": np.array(problem.y0), "params": params, **changes})


def next_after(value):
    """Return an array of which one entry is the next float64."""
    other = np.array(value)
    other.flat[0] = np.nextafter(other.flat[0], np.inf)
    return other


def test_problems_with_the_same_numbers_are_equal():
    assert again(neural) == neural


def test_problems_with_the_same_numbers_have_the_same_hash():
    assert hash(again(neural)) == hash(neural)


def test_a_problem_finds_what_an_equal_one_has_stored():
    assert {neural: "stored"}[again(neural)] == "stored"


def test_the_order_in_which_parameters_are_given_counts():
    """It is the order of `named_parameters`, so layers see it."""
    assert again(neural, params=dict(reversed(neural.params.items()))) != neural


@pytest.mark.parametrize(
    "change",
    [
        {"name": "another"},
        {"t0": neural.t0 + 0.5},
        {"t1": neural.t1 + 0.5},
        {"vector_field": linear.vector_field},
        {"exact_flow": power(1).exact_flow},
        {"y0": next_after(neural.y0)},
        {"y0": neural.y0[:-1]},
        {"params": {**neural.params, "W1": next_after(neural.params["W1"])}},
        {"params": {**neural.params, "more": np.ones(2)}},
    ],
    ids=["name", "t0", "t1", "field", "flow", "entry of y0", "batch", "entry of a parameter", "parameter"],
)
def test_a_problem_that_differs_in_one_thing_is_another(change):
    assert again(neural, **change) != neural


def test_the_same_numbers_in_another_shape_are_another_state():
    assert again(linear, y0=linear.y0.reshape(3, 5)) != linear


def test_minus_zero_as_a_time_is_another_time():
    assert linear.with_interval(-0.0, 1.0) != linear.with_interval(0.0, 1.0)


def test_minus_zero_in_the_state_is_another_state():
    zero = np.zeros_like(linear.y0)
    assert linear.replace(y0=-zero) != linear.replace(y0=zero)


def test_a_state_that_is_not_a_number_equals_itself():
    assert linear.replace(y0=np.full((2, 3), np.nan)) == linear.replace(y0=np.full((2, 3), np.nan))


def test_a_problem_is_no_other_object():
    assert neural != neural.name


def test_replace_takes_a_problem_off_the_card_and_the_pictures():
    shown = Problem("shown", linear.vector_field, linear.y0, 0.0, 1.0, on_card=True, in_pictures=True)
    assert (shown.replace().on_card, shown.replace().in_pictures) == (False, False)


def test_replace_may_put_a_problem_on_the_card():
    assert neural.replace(on_card=True).on_card


def test_what_a_report_draws_is_no_part_of_the_value():
    assert neural.on_card
    assert again(neural) == neural


def _field(_t, y, /, *, y0, t1):
    return y0 * y + t1


NAMED = Problem(
    "named", _field, np.array([[1.0, 2.0], [0.5, -1.0]]), 0.25, 1.0, {"y0": [0.5, -0.25], "t1": [1.0, 2.0]}
)
GROUPS = ["y0", "params/y0", "params/t1"]


def layer():
    def build(dynamics, t0, t1, n_steps):
        return ODELayer(dynamics, t0, t1, n_steps, solver="rk4", adjoint="discrete")

    return TorchLayer("named", build, order=4, adjoint="discrete")


@pytest.mark.parametrize("name", RESERVED)
def test_a_parameter_with_a_reserved_name_has_a_group_of_its_own(name):
    assert group_of(name) == f"params/{name}"


def test_a_parameter_with_any_other_name_is_a_group_itself():
    assert group_of("W1") == "W1"


def test_the_state_keeps_its_group_beside_a_parameter_called_y0():
    assert np.array_equal(NAMED.groups["y0"], NAMED.y0)


def test_a_parameter_called_y0_is_found_beside_the_state():
    assert np.array_equal(NAMED.groups["params/y0"], NAMED.params["y0"])


def test_parameters_are_found_again_by_their_own_names():
    assert {k: list(v) for k, v in NAMED.params_of(NAMED.groups).items()} == {
        "y0": [0.5, -0.25],
        "t1": [1, 2],
    }


def test_the_reference_knows_a_parameter_called_y0():
    assert list(sensitivity(NAMED).jacobians) == GROUPS


def test_the_weights_know_a_parameter_called_y0():
    assert list(group_weights(NAMED)) == GROUPS


def test_a_layer_gets_the_gradient_of_a_parameter_called_y0():
    cotangent = np.array([[1.0, -0.5], [0.25, 2.0]])
    found = backend_of(layer()).solve(layer(), Solve(NAMED, 256), (cotangent,)).gradients
    exact = sensitivity(NAMED).pullback(cotangent)
    assert list(found) == GROUPS
    for group in GROUPS:
        np.testing.assert_allclose(found[group], exact[group], rtol=2.0**-32 + 100 * EPS)


def test_the_gradient_of_a_parameter_called_y0_has_an_order():
    ladders = gradient_ladders(LayerUnderTest(layer(), SMOKE), NAMED)
    assert {group: round(ladder.fit.slope) for group, ladder in ladders.items()} == dict.fromkeys(GROUPS, 4)


def test_the_gradient_of_a_parameter_called_y0_is_drawn():
    series = backward_trajectory(LayerUnderTest(layer(), SMOKE), NAMED, np.ones((2, 2)))
    assert {s.y_label for s in series if s.plot == "Parameter gradient"} == {"∂L/∂params/y0"}
