"""The suite of problems: one field for every array library, and closed forms that solve their equation."""

import itertools
import math
import pickle

import array_api_strict
import numpy as np
import pytest
import torch

from nodecheck.numerics.constants import COMPLEX_STEP, EPS
from nodecheck.problems import (
    ORDER_PROBLEMS,
    PROBLEMS,
    Problem,
    constant,
    cubic,
    linear,
    neural,
    power,
    time_linear,
)
from nodecheck.reference import sensitivity
from nodecheck.reference.complex_step import by_group, perturbed

WITH_FLOW = tuple(p for p in PROBLEMS if p.exact_flow is not None)
every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
every_flow = pytest.mark.parametrize("problem", WITH_FLOW, ids=lambda p: p.name)
LIBRARIES = {"torch": torch.tensor, "array-api-strict": array_api_strict.asarray}
every_library = pytest.mark.parametrize("array", LIBRARIES.values(), ids=LIBRARIES)


def close(actual, expected, ulps=32):
    """Assert equality up to the rounding of a few dozen operations, relative to the largest entry."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=ulps * EPS * scale)


def middle(problem):
    return np.asarray((problem.t0 + problem.t1) / 2)


@every_library
@every_problem
def test_field_has_the_same_value_as_under_numpy(problem, array):
    params = {name: array(value) for name, value in problem.params.items()}
    value = problem.vector_field(array(middle(problem)), array(problem.y0), **params)
    close(value, problem.vector_field(middle(problem), problem.y0, **problem.params))


@every_library
@every_flow
def test_flow_has_the_same_value_as_under_numpy(problem, array):
    params = {name: array(value) for name, value in problem.params.items()}
    value = problem.flow(array(middle(problem)), array(problem.y0), **params)
    close(value, problem.flow(middle(problem), problem.y0, **problem.params))


@every_problem
def test_complex_step_agrees_with_automatic_differentiation(problem):
    state, params = perturbed(problem)
    value = problem.vector_field(middle(problem), problem.y0 + state, **params)
    stepped = by_group(problem, value.imag / COMPLEX_STEP)
    names = list(problem.params)

    def field(y, *values):
        t = torch.tensor(middle(problem))
        return problem.vector_field(t, y, **dict(zip(names, values, strict=True)))

    groups = [torch.tensor(value) for value in problem.groups.values()]
    jacobians = torch.func.jacrev(field, argnums=tuple(range(len(groups))))(*groups)
    members = torch.arange(len(problem.y0))
    close(stepped["y0"], jacobians[0][members, :, members])  # the other blocks are zero: see the next test
    for name, jacobian in zip(names, jacobians[1:], strict=True):
        close(stepped[name], jacobian)


@every_problem
def test_members_of_the_batch_do_not_interact(problem):
    t = torch.tensor(middle(problem))
    params = {name: torch.tensor(value) for name, value in problem.params.items()}
    one_by_one = torch.func.vmap(lambda y: problem.vector_field(t, y, **params))(torch.tensor(problem.y0))
    close(one_by_one, problem.vector_field(middle(problem), problem.y0, **problem.params))


@every_problem
def test_parameters_may_carry_leading_axes(problem):
    scaled = {name: np.stack([value, 2 * value])[:, None] for name, value in problem.params.items()}
    states = np.stack([problem.y0, problem.y0])
    both = problem.vector_field(middle(problem), states, **scaled)
    for factor, value in zip((1, 2), both, strict=True):
        params = {name: factor * array for name, array in problem.params.items()}
        close(value, problem.vector_field(middle(problem), problem.y0, **params))


@every_flow
def test_flow_starts_at_y0(problem):
    close(problem.flow(np.asarray(problem.t0), problem.y0, **problem.params), problem.y0)


@every_flow
def test_flow_solves_the_equation(problem):
    flow = problem.flow(middle(problem) + 1j * COMPLEX_STEP, problem.y0, **problem.params)
    # y**3 / sqrt and exp lose a few more units than the field alone
    close(
        flow.imag / COMPLEX_STEP, problem.vector_field(middle(problem), flow.real, **problem.params), ulps=128
    )


def test_flow_starts_from_the_new_t0_after_a_change_of_interval():
    whole = time_linear.flow(np.asarray(time_linear.t1), time_linear.y0, **time_linear.params)
    halfway = time_linear.flow(middle(time_linear), time_linear.y0, **time_linear.params)
    rest = time_linear.with_interval(float(middle(time_linear)), time_linear.t1).replace(y0=halfway)
    close(rest.flow(np.asarray(rest.t1), rest.y0, **rest.params), whole)


@pytest.mark.parametrize("problem", ORDER_PROBLEMS, ids=lambda p: p.name)
@pytest.mark.parametrize(("order", "levels", "margin"), [(1, (64, 128, 256), 0.1), (4, (16, 32, 64), 0.2)])
def test_order_problem_is_asymptotic_for_value_and_gradient(problem, order, levels, margin):
    errors = [_group_errors(problem, order, n) for n in levels]
    for name in errors[0]:
        slope = -np.polyfit(np.log2(levels), np.log2([error[name] for error in errors]), 1)[0]
        assert abs(slope - order) <= margin, f"{name}: {slope:.3f}"


def _group_errors(problem, order, n_steps):
    """Return the RMS error of y1 and of each Jacobian."""
    end, exact = _runge_kutta(problem, order, n_steps), sensitivity(problem)
    errors = {
        name: value - exact.jacobians[name]
        for name, value in by_group(problem, end.imag / COMPLEX_STEP).items()
    }
    errors["y1"] = end[0].real - exact.y1
    return {name: np.sqrt(np.mean(error**2)) for name, error in errors.items()}


def _runge_kutta(problem, order, n_steps):
    """Return y1 by explicit Euler or classical RK4 on complex states: value and all derivatives at once."""
    state, params = perturbed(problem)
    y, h = problem.y0 + state, problem.duration / n_steps

    def f(t, y):
        return problem.vector_field(np.asarray(t), y, **params)

    for t in problem.t0 + h * np.arange(n_steps):
        k1 = f(t, y)
        if order == 1:
            y = y + h * k1
            continue
        k2 = f(t + h / 2, y + h / 2 * k1)
        k3 = f(t + h / 2, y + h / 2 * k2)
        k4 = f(t + h, y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y


def test_names_are_unique():
    names = [problem.name for problem in PROBLEMS]
    assert len(set(names)) == len(names)


@every_problem
def test_problem_says_what_it_can_and_cannot_see(problem):
    assert problem.reveals
    assert problem.blind_to
    assert problem.cite


@every_problem
def test_numbers_are_short_binary_fractions(problem):
    for value in problem.groups.values():
        np.testing.assert_array_equal(value * 8, np.round(value * 8))


@every_problem
def test_time_does_not_start_at_zero_nor_last_one_unit(problem):
    assert problem.t0 != 0.0
    assert problem.duration != 1.0


@every_problem
def test_batch_state_and_hidden_sizes_are_coprime(problem):
    lengths = {length for value in problem.params.values() for length in value.shape} | {problem.y0.shape[1]}
    for one, other in itertools.combinations([problem.y0.shape[0], *lengths], 2):
        assert math.gcd(one, other) == 1


def test_arrays_cannot_be_overwritten():
    with pytest.raises(ValueError, match="read-only"):
        neural.y0[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        neural.params["W1"][0, 0] = 1.0


def test_problem_does_not_keep_the_arrays_it_was_given():
    mine = np.ones((3, 2))
    problem = linear.replace(y0=mine)
    mine[:] = 0.0
    assert problem.y0.all()


def test_state_without_a_batch_axis_is_refused():
    with pytest.raises(ValueError, match=r"shape \(B, d\), got \(3,\)"):
        linear.replace(y0=np.ones(3))


@pytest.mark.parametrize("t1", [0.3, math.nan, math.inf])
def test_empty_or_infinite_interval_is_refused(t1):
    with pytest.raises(ValueError, match="finite and different"):
        linear.with_interval(0.3, t1)


def test_negative_exponent_is_refused():
    with pytest.raises(ValueError, match="got -1"):
        power(-1)


def test_reversed_problem_runs_from_t1_to_t0_with_its_own_name():
    back = neural.reversed()
    assert (back.t0, back.t1) == (neural.t1, neural.t0)
    assert back.name != neural.name


def test_new_field_drops_the_flow_of_the_old_one():
    assert constant.replace(vector_field=power(1).vector_field).flow is None


def test_factory_returns_the_same_problem_twice():
    assert cubic(20.0) is cubic(20.0)


@every_problem
def test_problem_can_be_sent_to_another_process(problem):
    copy: Problem = pickle.loads(pickle.dumps(problem))
    value = copy.vector_field(middle(copy), copy.y0, **copy.params)
    np.testing.assert_array_equal(value, problem.vector_field(middle(problem), problem.y0, **problem.params))
