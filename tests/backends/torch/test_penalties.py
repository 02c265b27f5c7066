"""Gradient penalties as the torch backend carries them out."""

# ruff: noqa: ARG005  (layers that ignore what they are given)

from __future__ import annotations

import numpy as np
import pytest

from nodecheck.layers import Solve, TorchLayer, backend_of
from nodecheck.neural_ode import ODELayer
from nodecheck.numerics.tableaus import TABLEAUS
from nodecheck.problems import logistic
from nodecheck.variations.penalties import PENALTIES

WEIGHTS = np.full(logistic.y0.shape, 2.0)
LINEAR, QUADRATIC = (penalty.variation for penalty in PENALTIES)
BACKEND = backend_of(TorchLayer("any", lambda dynamics, t0, t1, n_steps: dynamics))


def gradients(layer, variation):
    return BACKEND.solve(layer, Solve(logistic, 4, variation=variation), (WEIGHTS,)).gradients


def cubed(dynamics, t0, t1, n_steps):
    """Return y0 -> y0³ + r y0, whose derivatives are known."""
    return lambda y0: y0**3 + dynamics.r * y0


def without_graph(dynamics, t0, t1, n_steps):
    """Return the same with the straight line through its values as its derivative."""

    def run(y0):
        slope = (3 * y0**2 + dynamics.r).detach()
        y1 = slope * y0
        return y1 + (y0**3 + dynamics.r * y0 - y1).detach()

    return run


def test_a_linear_loss_has_the_penalty_of_the_gradient_of_y0():
    y0, r = logistic.y0, logistic.params["r"]
    found = gradients(TorchLayer("cubed", cubed), LINEAR)
    first = 2 * (3 * y0**2 + r)
    assert found["y0"] == pytest.approx(first + first * 12 * y0)
    assert found["r"] == pytest.approx((2 * y0 + first * 2).sum(0))


def test_a_quadratic_loss_has_the_penalty_of_all_gradients():
    y0, r = logistic.y0, logistic.params["r"]
    found = gradients(TorchLayer("cubed", cubed), QUADRATIC)
    y1, slope = y0**3 + r * y0, 3 * y0**2 + r
    cotangent = 2 + y1
    of_y0, of_r = cotangent * slope, (cotangent * y0).sum(0)
    expected = of_y0 + of_y0 * (slope**2 + cotangent * 6 * y0) + of_r * (slope * y0 + cotangent)
    assert found["y0"] == pytest.approx(expected)


def test_a_gradient_without_a_graph_leaves_that_of_the_loss():
    found = gradients(TorchLayer("without graph", without_graph), LINEAR)
    assert found["y0"] == pytest.approx(2 * (3 * logistic.y0**2 + logistic.params["r"]))


def test_a_control_of_ours_is_differentiated_twice_as_others_are():
    def build(dynamics, t0, t1, n_steps):
        return ODELayer(dynamics, t0, t1, n_steps, solver="rk4", adjoint="discrete")

    ours, plain = BACKEND.own_layer(TABLEAUS["rk4"], "discrete"), TorchLayer("rk4", build)
    assert gradients(ours, LINEAR)["y0"] == pytest.approx(gradients(plain, LINEAR)["y0"])


@pytest.mark.parametrize("adjoint", ["continuous", "reversible"])
def test_our_adjoints_raise_where_a_linear_loss_has_a_penalty(adjoint):
    def build(dynamics, t0, t1, n_steps):
        return ODELayer(dynamics, t0, t1, n_steps, solver="heun", adjoint=adjoint)

    with pytest.raises(RuntimeError, match="expects to be differentiated once"):
        gradients(TorchLayer("once", build), LINEAR)
