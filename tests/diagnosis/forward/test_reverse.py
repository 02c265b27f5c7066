"""Where time runs backwards, a lost sign and wrong times are named from y1 and from the calls."""

from __future__ import annotations

import pytest
from wrong_layers import layer, marching, rk4, rk4_step

from nodecheck.diagnosis.forward.reverse import explain_reverse
from nodecheck.layers import LayerUnderTest
from nodecheck.numerics.constants import ORDINARY_STEPS
from nodecheck.options.profile import SMOKE
from nodecheck.problems import neural

BACKWARDS = neural.reversed()


def without_sign(dynamics, t0, t1, n_steps):
    """Return RK4 with steps of |t1 - t0|/n that go on from t0."""
    return marching(rk4_step)(dynamics, t0, t0 + abs(t1 - t0), n_steps)


def increments_without_sign(dynamics, t0, t1, n_steps):
    """Return RK4 at the right times whose increments have the sign of positive steps."""
    sign = 1 if t1 > t0 else -1
    return marching(rk4_step)(lambda t, y: sign * dynamics(t, y), t0, t1, n_steps)


def negated_times(dynamics, t0, t1, n_steps):
    """Return RK4 that tells the field -t where time runs backwards."""
    sign = 1 if t1 > t0 else -1
    return marching(rk4_step)(lambda t, y: dynamics(sign * t, y), t0, t1, n_steps)


def explain(build):
    return explain_reverse(LayerUnderTest(layer(build), SMOKE), BACKWARDS, ORDINARY_STEPS)


@pytest.mark.parametrize(
    ("build", "cause"),
    [
        (without_sign, "y1 is that of 2*t0 - t1 = 3.1 in place of t1 = 0.3"),
        (increments_without_sign, "y1 is that of y' = -f(t, y)"),
        (negated_times, "The field is evaluated on [-1.7, -0.3], not on [0.3, 1.7]."),
    ],
)
def test_the_mistake_of_a_layer_in_reverse_time_is_named(build, cause):
    assert cause in explain(build)


def test_nothing_is_said_of_a_layer_that_is_right_in_reverse():
    assert explain_reverse(LayerUnderTest(rk4(), SMOKE), BACKWARDS, ORDINARY_STEPS) == ""
