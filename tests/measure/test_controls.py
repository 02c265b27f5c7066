"""Our own solver as control: all cotangents in one pass, and the same gradients as one by one."""

import numpy as np
import pytest
from wrong_layers import rk4

from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.measure.controls import own_layer
from nodecheck.numerics import roundoff
from nodecheck.numerics.tableaus import TABLEAUS
from nodecheck.options.profile import CI
from nodecheck.problems import linear, lotka_volterra, neural, spiral, time_linear, van_der_pol

N_STEPS = 4


def own(solver, adjoint):
    """Return our own layer as the control of some layer."""
    return own_layer(LayerUnderTest(rk4(), CI), TABLEAUS[solver], adjoint)


def alone(control):
    """Return the same layer as one that is under test: one pass for each cotangent."""
    return LayerUnderTest(TorchLayer("alone", control.claims.build), CI)


@pytest.mark.parametrize("adjoint", ["continuous", "discrete"])
@pytest.mark.parametrize(
    "problem", [neural, lotka_volterra, spiral, linear, time_linear, van_der_pol(1.0)], ids=lambda p: p.name
)
def test_one_pass_for_all_cotangents_gives_the_gradients_of_one_pass_for_each(problem, adjoint):
    control = own("heun", adjoint)
    one_by_one = alone(control).gradients(problem, N_STEPS)
    at_once = control.gradients(problem, N_STEPS)
    assert len(at_once) == len(one_by_one) == CI.cotangents
    for run, expected in zip(at_once, one_by_one, strict=True):
        assert run.gradients.keys() == expected.gradients.keys()
        for group, value in expected.gradients.items():
            scale = max(1.0, np.max(np.abs(value)))
            np.testing.assert_allclose(run.gradients[group], value, rtol=0, atol=roundoff(100, scale))


def test_its_forward_pass_is_that_of_a_single_problem():
    control = own("rk4", "continuous")
    control.gradients(neural, N_STEPS)
    found, single = control.solve(neural, N_STEPS), alone(control).solve(neural, N_STEPS)
    np.testing.assert_allclose(found.y1, single.y1, rtol=0, atol=roundoff(100))
    assert found.evaluations == single.evaluations


def test_a_control_is_made_once_for_all_layers_of_its_framework():
    assert own("heun", "discrete") is own("heun", "discrete")
