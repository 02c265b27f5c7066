"""A problem is made even by one component that rests, and its solution is the old one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nodecheck.layers import LayerUnderTest, Solve, TorchLayer, is_odd, made_even
from nodecheck.neural_ode import ODELayer
from nodecheck.numerics import EPS
from nodecheck.options.profile import CI
from nodecheck.problems import linear, neural, spiral
from nodecheck.variations.reuse import OVERLAPPING_PASSES


def own(dynamics, t0, t1, n_steps):
    return ODELayer(dynamics, t0, t1, n_steps, solver="rk4", adjoint="continuous")


PLAIN, EVEN = (LayerUnderTest(TorchLayer("own", own, supports=s), CI) for s in ((), ("even",)))


def test_an_even_problem_is_left_as_it_is():
    assert made_even(spiral) is spiral


def test_an_odd_problem_has_one_component_more_that_rests():
    even = made_even(neural)
    field = even.vector_field(0.5, even.y0, **even.params)
    assert not is_odd(even)
    assert np.array_equal(field[..., :-1], neural.vector_field(0.5, neural.y0, **neural.params))
    assert not field[..., -1].any()


def test_problems_made_even_compare_by_value():
    assert made_even(neural) == made_even(neural.replace(name=neural.name))
    assert made_even(neural) != made_even(linear)


def test_solution_and_gradients_are_those_of_the_odd_problem():
    (cotangent,) = PLAIN.cotangents(neural, 1)
    plain, even = (one.fresh(Solve(neural, 8), (cotangent,)) for one in (PLAIN, EVEN))
    assert even.y1 == pytest.approx(plain.y1, abs=16 * EPS)
    assert even.gradients.keys() == plain.gradients.keys()
    for name, value in plain.gradients.items():
        assert even.gradients[name] == pytest.approx(value, rel=1e-12, abs=1e-12)


def test_the_layer_itself_never_sees_an_odd_number_of_components():
    calls = EVEN.fresh(Solve(neural, 2)).calls
    assert calls
    assert {call.y_shape[-1] for call in calls} == {neural.y0.shape[-1] + 1}


def test_the_other_problems_of_a_variation_are_made_even_too():
    second = neural.replace(y0=neural.y0[::-1])
    solve = Solve(neural, 4, variation=replace(OVERLAPPING_PASSES, others=(second,)))
    found = EVEN.fresh(solve, EVEN.cotangents(neural, 1))
    assert found.others[0].y1 == pytest.approx(PLAIN.fresh(Solve(second, 4)).y1, abs=16 * EPS)
