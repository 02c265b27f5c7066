"""Our own solver as control: all cotangents in one pass, and the same gradients as one by one."""

import numpy as np
import pytest

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.controls import own_layer
from nodecheck.numerics import roundoff
from nodecheck.options.profile import CI
from nodecheck.problems import linear, lotka_volterra, neural, spiral, time_linear, van_der_pol

N_STEPS = 4


@pytest.mark.parametrize("adjoint", ["continuous", "discrete"])
@pytest.mark.parametrize(
    "problem", [neural, lotka_volterra, spiral, linear, time_linear, van_der_pol(1.0)], ids=lambda p: p.name
)
def test_one_pass_for_all_cotangents_gives_the_gradients_of_one_pass_for_each(problem, adjoint):
    own = own_layer("heun", adjoint, CI, 0)
    one_by_one = LayerUnderTest(own.claims, CI, 0).gradients(problem, N_STEPS)
    at_once = own.gradients(problem, N_STEPS)
    assert len(at_once) == len(one_by_one) == CI.cotangents
    for run, expected in zip(at_once, one_by_one, strict=True):
        assert run.gradients.keys() == expected.gradients.keys()
        for group, value in expected.gradients.items():
            scale = max(1.0, np.max(np.abs(value)))
            np.testing.assert_allclose(run.gradients[group], value, rtol=0, atol=roundoff(100, scale))


def test_its_forward_pass_is_that_of_a_single_problem():
    own = own_layer("rk4", "continuous", CI, 1)
    own.gradients(neural, N_STEPS)
    alone = LayerUnderTest(own.claims, CI, 1).solve(neural, N_STEPS)
    np.testing.assert_allclose(own.solve(neural, N_STEPS).y1, alone.y1, rtol=0, atol=roundoff(100))
    assert own.solve(neural, N_STEPS).evaluations == alone.evaluations
