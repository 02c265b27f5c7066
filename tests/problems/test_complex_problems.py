"""Complex problems and their real forms are the same equations."""

from __future__ import annotations

import numpy as np
import pytest

from nodecheck.backends.torch.complex_state import ComplexDynamics
from nodecheck.numerics import EPS
from nodecheck.problems import neural
from nodecheck.problems.complex_state import (
    as_complex,
    as_pairs,
    complex_field,
    complex_pairs,
    complex_params,
    complex_real_force,
    imaginary,
)

BOTH = pytest.mark.parametrize("problem", [complex_pairs, complex_real_force], ids=lambda p: p.name)


@BOTH
def test_the_real_field_has_the_parts_of_the_complex_one(problem):
    of_pairs = problem.vector_field(0.4, problem.y0, **problem.params)
    z = complex_field(problem)(0.4, as_complex(problem.y0), **complex_params(problem))
    np.testing.assert_allclose(of_pairs, as_pairs(z), rtol=16 * EPS, atol=16 * EPS)


@BOTH
def test_the_module_has_the_complex_parameters_of_the_field(problem):
    found = {name: p.detach().numpy() for name, p in ComplexDynamics(problem).named_parameters()}
    expected = complex_params(problem)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert ("r" in found) == (problem is complex_real_force)


def test_a_state_becomes_complex_and_pairs_again():
    assert np.array_equal(as_pairs(as_complex(complex_pairs.y0)), complex_pairs.y0)


@pytest.mark.parametrize("values", [complex_pairs.y0, *complex_pairs.params.values()])
def test_imaginary_parts_are_half_of_the_numbers(values):
    assert 2 * imaginary(values).size == values.size


def test_a_problem_without_a_complex_form_is_refused():
    with pytest.raises(ValueError, match=r"complex_pairs, complex_real_force.*, got neural"):
        complex_field(neural)
