"""Adjoint equations are solved far more accurately than any layer that is diagnosed by them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nodecheck import problems
from nodecheck.diagnosis.gradient.adjoint_solver import make_adjoint_solver, solve_path
from nodecheck.diagnosis.gradient.collocation import end_values, make_mesh, solve
from nodecheck.diagnosis.gradient.hypotheses import make_hypotheses
from nodecheck.diagnosis.gradient.observation import Observation
from nodecheck.numerics.constants import (
    COLLOCATION_STAGES,
    FEWEST_PANELS,
    TOLERANCE_FACTOR,
    TRAJECTORY_RTOL,
)
from nodecheck.reference import sensitivity, solution

NEURAL, LINEAR = problems.neural, problems.linear
GLOBAL_ERROR = TOLERANCE_FACTOR * TRAJECTORY_RTOL


def growth(panels: int, rate: float) -> float:
    """Return a(0) of a' = -rate a with a(1) = 1, whose exact value is exp(rate)."""
    mesh = make_mesh(np.linspace(0.0, 1.0, panels + 1))
    return float(solve(mesh, np.full((*mesh.nodes.shape, 1, 1, 1), rate)).start[0, 0, 0])


def test_collocation_at_gauss_nodes_is_of_twice_as_high_an_order_as_it_has_stages():
    errors = [abs(growth(n, 4.0) / np.exp(4.0) - 1) for n in (1, 2)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2 * COLLOCATION_STAGES, abs=0.5)


@pytest.mark.parametrize("rate", [-1.0, 1.0])
def test_panels_of_half_a_time_scale_are_exact_to_thirteen_digits(rate):
    assert growth(2, rate) == pytest.approx(np.exp(rate), rel=1e-13)


def test_the_transition_matrix_of_a_rotation_is_a_rotation():
    mesh = make_mesh(np.linspace(0.0, 1.0, 5))
    matrix = np.broadcast_to([[0.0, 1.0], [-1.0, 0.0]], (*mesh.nodes.shape, 1, 2, 2))
    expected = [[np.cos(1.0), np.sin(1.0)], [-np.sin(1.0), np.cos(1.0)]]
    assert solve(mesh, matrix).start[0] == pytest.approx(np.array(expected), abs=1e-13)


def test_values_and_slopes_at_the_ends_of_a_polynomial_are_exact():
    mesh = make_mesh(np.array([1.0, 1.5, 2.0]))
    (first, first_slope), (last, last_slope) = end_values(mesh, mesh.nodes**3)
    assert [first, first_slope, last, last_slope] == pytest.approx([1.0, 3.0, 8.0, 12.0], rel=1e-12)


@pytest.mark.parametrize("problem", [NEURAL, LINEAR, problems.spiral], ids=lambda p: p.name)
def test_the_trajectory_ends_at_the_solution_to_its_tolerance(problem):
    path = solve_path(problem)[1]
    end = path(np.array([[problem.t1]]))[0, 0]
    assert np.linalg.norm(end - solution(problem)) <= GLOBAL_ERROR * np.linalg.norm(end)


@pytest.mark.parametrize(
    "problem", [NEURAL, LINEAR, problems.spiral, NEURAL.reversed()], ids=lambda p: p.name
)
def test_the_right_gradient_is_that_of_the_reference_to_nine_digits(problem):
    found, exact = make_adjoint_solver(problem).right_gradient(), sensitivity(problem).jacobians
    for name, table in exact.items():
        difference = found[name].ravel() - table.ravel()
        assert np.linalg.norm(difference) <= GLOBAL_ERROR * np.linalg.norm(table)


def test_the_error_of_a_hypothesis_is_a_digit_below_the_smallest_residual_of_a_layer():
    assert GLOBAL_ERROR <= 1e-9


def test_hypotheses_know_their_own_error():
    seen = Observation(NEURAL, (np.ones_like(NEURAL.y0),), ({},), 64)
    assert make_hypotheses(seen, None).own_error <= GLOBAL_ERROR


def test_a_state_at_rest_has_enough_panels_for_an_adjoint_that_moves():
    at_rest = dataclasses.replace(LINEAR, y0=np.zeros_like(LINEAR.y0))
    assert make_adjoint_solver(at_rest).mesh.widths.size == FEWEST_PANELS
    found, exact = make_adjoint_solver(at_rest).right_gradient()["y0"], sensitivity(at_rest).jacobians["y0"]
    assert found.ravel() == pytest.approx(exact.ravel(), rel=1e-10, abs=1e-12)


def test_a_mesh_of_another_interval_begins_and_ends_with_it():
    solver = make_adjoint_solver(NEURAL)
    for start, end in (
        (NEURAL.t0 + 0.1, NEURAL.t1),
        (NEURAL.t0 - 0.1, NEURAL.t1),
        (NEURAL.t0, NEURAL.t1 + 0.1),
    ):
        assert solver.mesh_of(start, end).widths.sum() == pytest.approx(end - start, rel=1e-14)
