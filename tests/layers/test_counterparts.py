"""What a layer of second order is asked for in place of each problem of first order."""

from __future__ import annotations

import numpy as np
import pytest
from right_mechanics import symplectic_euler

from nodecheck.layers import LayerUnderTest, Solve, TorchLayer, counterpart, counterparts
from nodecheck.layers.mechanics import posed
from nodecheck.numerics import EPS
from nodecheck.options.profile import CI
from nodecheck.problems import (
    MECHANICS,
    ORDER_PROBLEMS,
    at_rest,
    constant,
    cubic,
    drift,
    kepler,
    lotka_volterra,
    neural,
    neural_at_outputs,
    neural_reversed_quarter,
    pendulum,
    power,
    rotation,
    spiral,
    switch,
    uneven,
    van_der_pol,
    wide,
)
from nodecheck.reference.complex_step import jacobians

GENERAL, SEPARABLE = ("second-order",), ("second-order", "separable")
PROBLEMS = (*ORDER_PROBLEMS, cubic(1.0), uneven, at_rest, neural_reversed_quarter, wide(32))
OF_TIME = (constant, power(3), switch, drift)
EULER = LayerUnderTest(TorchLayer("euler", symplectic_euler, supports=set(GENERAL)), CI)

every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)


@every_problem
def test_a_layer_of_first_order_is_asked_for_the_problem_itself(problem):
    assert counterpart(("even",), problem) is problem


@every_problem
@pytest.mark.parametrize("supports", [GENERAL, SEPARABLE], ids=len)
def test_a_counterpart_is_of_second_order(problem, supports):
    other = counterpart(supports, problem)
    q, v = np.split(other.y0, 2, axis=-1)
    slope = other.vector_field(np.asarray(other.t0), other.y0, **other.params)
    assert other.second_order
    assert q.shape == v.shape
    assert np.array_equal(np.split(slope, 2, axis=-1)[0], v)


@every_problem
@pytest.mark.parametrize("supports", [GENERAL, SEPARABLE], ids=len)
def test_a_counterpart_of_a_counterpart_is_itself(problem, supports):
    other = counterpart(supports, problem)
    assert counterpart(supports, other) is other


@every_problem
def test_a_separable_force_does_not_depend_on_velocities(problem):
    other = counterpart(SEPARABLE, problem)
    state, *_ = jacobians(other, other.t0, other.y0)
    half = other.y0.shape[1] // 2
    assert not state[..., half:, half:].any()


@pytest.mark.parametrize("problem", [neural, spiral, lotka_volterra, van_der_pol(1.0)], ids=lambda p: p.name)
def test_the_force_of_other_layers_depends_on_velocities(problem):
    other = counterpart(GENERAL, problem)
    state, *_ = jacobians(other, other.t0, other.y0)
    half = other.y0.shape[1] // 2
    assert np.abs(state[..., half:, half:]).max() > 0.1


def test_problems_from_mechanics_stand_for_those_of_few_numbers():
    names = [counterpart(SEPARABLE, p).name for p in (spiral, lotka_volterra, van_der_pol(1.0), rotation)]
    assert names == ["pendulum", "henon_heiles", "kepler", "harmonic_oscillator"]


def test_a_problem_from_mechanics_keeps_the_times_that_are_asked_for():
    late = spiral.replace(name="spiral_late").with_interval(10.0, 11.0)
    other = counterpart(SEPARABLE, late)
    assert (other.name, other.t0, other.t1) == ("pendulum_late", 10.0, 11.0)
    assert np.array_equal(other.y0, pendulum.y0)


def test_the_counterpart_of_the_problem_on_the_card_is_on_the_card():
    assert counterpart(GENERAL, neural).on_card
    assert counterpart(SEPARABLE, spiral).in_pictures
    assert not kepler.on_card


def test_output_times_stay_and_so_does_what_is_at_rest():
    assert counterpart(GENERAL, neural_at_outputs).ts == neural_at_outputs.ts
    assert not counterpart(GENERAL, at_rest).y0.any()


@pytest.mark.parametrize("problem", OF_TIME, ids=lambda p: p.name)
def test_a_field_of_time_alone_is_asked_for_as_it_is(problem):
    assert counterpart(GENERAL, problem) is problem
    assert posed(problem).second_order


def test_a_constant_field_is_asked_for_as_a_force_and_as_a_velocity():
    assert counterparts(GENERAL, constant) == (constant, drift)
    assert counterparts((), constant) == (constant,)


@pytest.mark.parametrize("problem", [constant, drift], ids=lambda p: p.name)
def test_half_of_a_motion_solves_a_constant_field(problem):
    cotangent = np.ones_like(problem.y0)
    found = EULER.fresh(Solve(problem, 4), (cotangent,))
    exact = problem.y0 + problem.duration * problem.params["c"]
    assert found.y1 == pytest.approx(exact, abs=32 * EPS)
    assert found.gradients["y0"] == pytest.approx(cotangent, abs=32 * EPS)
    assert found.gradients["c"] == pytest.approx(problem.duration * cotangent.sum(axis=0), rel=32 * EPS)


def test_a_field_of_the_state_is_not_posed_as_a_motion():
    with pytest.raises(ValueError, match="expected a problem of second order, or a field of time alone"):
        EULER.solve(neural, 4)


@pytest.mark.parametrize("problem", MECHANICS, ids=lambda p: p.name)
def test_a_problem_from_mechanics_is_asked_for_as_it_is(problem):
    assert counterpart(GENERAL, problem) is problem


@pytest.mark.parametrize(
    ("supports", "output", "message"),
    [
        ({"separable"}, "state", "must have 'second-order', got"),
        ({"second-order"}, "log-det", "must be 'state', got 'log-det'"),
        ({"second-order"}, "pair", "must be 'state', got 'pair'"),
    ],
)
def test_claims_that_do_not_go_together_are_refused(supports, output, message):
    with pytest.raises(ValueError, match=message):
        TorchLayer("mine", symplectic_euler, supports=supports, output=output)
