"""Problems of (y, l): one field for every array library, and l is the log-determinant of the flow."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest
import torch

from nodecheck.numerics import EPS
from nodecheck.problems import (
    constant_log_det,
    estimated_by,
    has_log_det,
    linear_log_det,
    neural,
    neural_log_det,
    without_log_det,
)
from nodecheck.reference import jacobians, sensitivity

WEIGHTS = np.random.default_rng(0).standard_normal((4, 3, 3))
PROBLEMS = (constant_log_det, linear_log_det, neural_log_det)
every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
LIBRARIES = {"torch": torch.tensor, "array-api-strict": array_api_strict.asarray}


@pytest.mark.parametrize("array", LIBRARIES.values(), ids=LIBRARIES)
@pytest.mark.parametrize("problem", [*PROBLEMS, estimated_by(neural_log_det, WEIGHTS)], ids=lambda p: p.name)
def test_field_has_the_same_value_as_under_numpy(problem, array):
    params = {name: array(value) for name, value in problem.params.items()}
    value = np.asarray(problem.vector_field(array(np.asarray(0.7)), array(problem.y0), **params))
    expected = problem.vector_field(np.asarray(0.7), problem.y0, **problem.params)
    assert np.abs(value - expected).max() <= 32 * EPS * np.abs(expected).max()


@every_problem
def test_the_divergence_is_the_trace_of_the_jacobian(problem):
    base = without_log_det(problem)
    trace = np.trace(jacobians(base, 0.7, base.y0)[0], axis1=1, axis2=2)
    value = problem.vector_field(np.asarray(0.7), problem.y0, **problem.params)[:, -1]
    assert np.abs(value - trace).max() <= 64 * EPS


def test_weights_are_those_of_the_entries_of_the_jacobian():
    jacobian = jacobians(neural, 0.7, neural.y0)[0]
    value = estimated_by(neural_log_det, WEIGHTS).vector_field(
        np.asarray(0.7), neural_log_det.y0, **neural.params
    )
    assert np.abs(value[:, -1] - np.einsum("bij,bji->b", WEIGHTS, jacobian)).max() <= 256 * EPS


@pytest.mark.parametrize("problem", [*PROBLEMS, neural_log_det.reversed()], ids=lambda p: p.name)
def test_l_is_the_log_determinant_of_the_derivative_of_the_flow(problem):
    exact, base = sensitivity(problem), sensitivity(without_log_det(problem))
    _, expected = np.linalg.slogdet(base.jacobians["y0"])
    scale = max(1.0, np.abs(expected).max())
    assert np.abs(exact.y1[:, -1] - expected).max() <= 100 * max(exact.rtol, base.rtol) * scale


def test_the_gradient_of_l_agrees_with_differences_of_log_determinants():
    def log_det(shift):
        y0 = neural.y0.copy()
        y0[:, 0] += shift
        return np.linalg.slogdet(sensitivity(neural.replace(y0=y0)).jacobians["y0"])[1]

    h = 1e-4
    expected = (log_det(h) - log_det(-h)) / (2 * h)
    assert sensitivity(neural_log_det).jacobians["y0"][:, -1, 0] == pytest.approx(expected, abs=h**1.5)


@every_problem
def test_a_problem_of_l_is_known_by_its_field(problem):
    assert has_log_det(problem)
    assert not has_log_det(without_log_det(problem))


def test_problems_with_other_weights_are_other_problems():
    assert estimated_by(neural_log_det, WEIGHTS) != neural_log_det
    assert estimated_by(neural_log_det, WEIGHTS) == estimated_by(neural_log_det, WEIGHTS.copy())
