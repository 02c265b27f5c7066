"""The computed features of a problem agree with those that its formula shows."""

import numpy as np
import pytest
from own_fields import RELU, TANH, problem
from torch import nn

from nodecheck.numerics.constants import SMALLEST_WEIGHT
from nodecheck.problems import (
    PROBLEMS,
    Problem,
    at_rest,
    constant,
    cubic,
    linear,
    logistic,
    neural,
    power,
    rotation,
    time_linear,
    van_der_pol,
)
from nodecheck.reference import Feature, features, group_weights


def test_constant_field_shows_nothing_but_sizes():
    assert features(constant) == {"sizes_differ"}


@pytest.mark.parametrize("k", range(1, 6))
def test_power_depends_on_time_only(k):
    assert features(power(k)) == {"time_dependent", "sizes_differ"}


def test_rotation_is_normal_but_not_symmetric():
    assert Feature.NONSYMMETRIC in features(rotation)
    assert Feature.NONNORMAL not in features(rotation)


def test_diagonal_jacobian_is_symmetric():
    assert not {Feature.NONSYMMETRIC, Feature.NONNORMAL} & features(logistic)


@pytest.mark.parametrize("problem", [linear, time_linear], ids=lambda p: p.name)
def test_linear_field_is_not_nonlinear_even_if_it_depends_on_time(problem):
    assert Feature.NONLINEAR not in features(problem)


def test_network_moves_without_contracting_and_has_every_other_feature():
    assert features(neural) == set(Feature) - {Feature.CONTRACTIVE, Feature.AT_REST, Feature.KINKED}


def test_a_state_at_rest_is_noticed_although_the_adjoint_moves():
    assert {Feature.AT_REST, Feature.MOVING} <= features(at_rest)
    assert not any(Feature.AT_REST in features(problem) for problem in PROBLEMS)


def test_only_the_cubics_are_contractive():
    assert {p.name for p in PROBLEMS if Feature.CONTRACTIVE in features(p)} == {"cubic_1", "cubic_20"}


def test_contractive_problem_is_not_contractive_backwards():
    forward = cubic(1.0).replace(y0=np.full((3, 2), 0.5))
    assert Feature.CONTRACTIVE in features(forward)
    assert Feature.CONTRACTIVE not in features(forward.reversed())


def test_jacobian_that_vanishes_on_the_trajectory_is_noticed():
    """The default gradient-test problem of torchdiffeq: y' = a + (y - (a t + b))^5, with y = a t + b."""
    t0, t1, a, b = 0.3, 1.7, 0.25, 1.5
    degenerate = Problem(
        name="degenerate",
        vector_field=lambda t, y, /, *, a, b: a + (y - (a * t + b)) ** 5,
        y0=np.full((3, 2), a * t0 + b),
        t0=t0,
        t1=t1,
        params={"a": np.array([a, a]), "b": np.array([b, b])},
    )
    assert not {Feature.STATE_DEPENDENT, Feature.MOVING} & features(degenerate)


@pytest.mark.parametrize("batch", [1, 3, 5])
def test_batch_of_one_or_as_long_as_another_axis_is_noticed(batch):
    assert Feature.SIZES_DIFFER not in features(neural.replace(y0=neural.y0[[0, 1, 2, 3, 0]][:batch]))


def test_weights_are_relative_to_the_largest_group():
    assert max(group_weights(neural).values()) == 1.0


def test_group_that_hardly_matters_is_below_the_smallest_weight():
    """The slow branch of the stiff oscillator barely depends on mu over so short a time."""
    assert group_weights(van_der_pol(50.0))["mu"] < SMALLEST_WEIGHT


@pytest.mark.parametrize("problem", [p for p in PROBLEMS if not p.stiff], ids=lambda p: p.name)
def test_every_group_of_a_problem_that_is_not_stiff_can_be_judged(problem):
    assert min(group_weights(problem).values()) >= 10 * SMALLEST_WEIGHT


def test_suite_supplies_every_feature_but_kinks():
    assert frozenset().union(*map(features, (*PROBLEMS, at_rest))) == set(Feature) - {Feature.KINKED}


def test_the_kinks_of_a_user_s_module_are_noticed():
    assert Feature.KINKED in features(RELU)
    assert Feature.KINKED not in features(TANH)


@pytest.mark.parametrize("beta", [1.0, 20.0])
def test_a_bend_is_no_kink(beta):
    class Bent(nn.Softplus):
        def __init__(self):
            super().__init__(beta=beta)

    assert Feature.KINKED not in features(problem(activation=Bent))
