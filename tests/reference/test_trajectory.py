"""Accurate trajectories, derivatives of the field, and solutions by SciPy at a given tolerance."""

import numpy as np
import pytest

from nodecheck.problems import PROBLEMS, cubic, logistic, lotka_volterra, neural, time_linear, van_der_pol
from nodecheck.reference import ReferenceFailure, jacobians, sensitivity, solution, solve_adaptive, trajectory
from nodecheck.reference.ivp import solve_ivp_states

SMOOTH = tuple(p for p in PROBLEMS if not p.stiff)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_solution_is_that_of_the_sensitivity(problem):
    reference = sensitivity(problem)
    np.testing.assert_allclose(
        solution(problem), reference.y1, rtol=0, atol=1e-12 * np.abs(reference.y1).max()
    )


def test_solution_cannot_be_overwritten():
    with pytest.raises(ValueError, match="read-only"):
        solution(neural)[:] = 0.0


@pytest.mark.parametrize("problem", [time_linear, logistic, cubic(1.0)], ids=lambda p: p.name)
def test_dense_trajectory_agrees_with_the_closed_form_between_the_steps(problem):
    times = np.linspace(problem.t0, problem.t1, 17)
    by_solver = trajectory(problem.replace(exact_flow=None), times)
    # DOP853's dense output has order 7 where its steps have order 8: a digit is lost between them
    np.testing.assert_allclose(by_solver, trajectory(problem, times), rtol=0, atol=1e-11)


def test_trajectory_takes_times_in_any_order_and_back_in_time():
    back = neural.reversed()
    ends = trajectory(back, [back.t1, back.t0])
    np.testing.assert_array_equal(ends[1], back.y0)
    np.testing.assert_allclose(ends[0], solution(back), rtol=1e-12)


def test_times_outside_the_interval_are_refused():
    with pytest.raises(ValueError, match=r"must lie in \[0.3, 1.7\]"):
        trajectory(neural, [0.5, 2.0])


def test_solve_ivp_states_agree_with_the_trajectory():
    times = tuple(np.linspace(lotka_volterra.t0, lotka_volterra.t1, 5))
    expected = trajectory(lotka_volterra, times)
    np.testing.assert_allclose(solve_ivp_states(lotka_volterra, times), expected, rtol=1e-11)


def test_closed_form_that_is_not_finite_is_refused():
    with pytest.raises(ReferenceFailure, match="not finite"):
        solution(cubic(20.0).reversed())


@pytest.mark.parametrize("method", ["RK45", "RK23", "DOP853", "Radau"])
def test_adaptive_solution_gets_better_and_dearer_with_the_tolerance(method):
    exact = solution(lotka_volterra)
    coarse, coarse_cost = solve_adaptive(lotka_volterra, 1e-4, method)
    fine, fine_cost = solve_adaptive(lotka_volterra, 1e-7, method)
    assert np.abs(fine - exact).max() < np.abs(coarse - exact).max() / 10  # where the tolerance falls by 1000
    assert fine_cost > coarse_cost


def test_jacobians_of_van_der_pol_agree_with_those_by_hand():
    y, mu = np.array([[0.5, -1.0], [2.0, 0.25]]), 1.0
    jacobian, by_parameter, df_dt = jacobians(van_der_pol(mu), 0.5, y)
    x, v, zero, one = y[:, 0], y[:, 1], np.zeros(2), np.ones(2)
    by_hand = np.array([[zero, one], [-2 * mu * x * v - 1, mu * (1 - x**2)]])
    np.testing.assert_allclose(jacobian, np.moveaxis(by_hand, -1, 0), rtol=1e-15)
    np.testing.assert_allclose(by_parameter["mu"], np.stack([zero, (1 - x**2) * v], axis=-1), rtol=1e-15)
    np.testing.assert_array_equal(df_dt, 0.0)


def test_time_derivative_of_the_network_agrees_with_the_chain_rule():
    p, y, t = neural.params, neural.y0, 0.75
    hidden = np.tanh(y @ p["W1"].T + p["u"] * t + p["b1"])
    by_hand = ((1 - hidden**2) * p["u"]) @ p["W2"].T
    np.testing.assert_allclose(jacobians(neural, t, y)[2], by_hand, rtol=1e-13)
