"""A layer may refuse NaN with an error, and need not answer for gradients that are zero anyway."""

import pytest
import torch
from wrong_layers import after, layer, marching, pulling_back, rk4, rk4_step

from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest
from nodecheck.options.profile import CI

(NOT_A_NUMBER,) = (check for check in CHECKS if check.id == "not-a-number")


def violated(under_test):
    evidence = NOT_A_NUMBER.measure(LayerUnderTest(under_test, CI), *NOT_A_NUMBER.problems)
    return [m.name for m in evidence.measurements if not m.holds]


def refuses(y0, y1):
    if not y0.isfinite().all():
        message = "y0 is not finite"
        raise ValueError(message)
    return y1


def searching(dynamics, t0, t1, n_steps):
    """Take RK4's steps, then iterate until NaN is a number."""

    def solve(y0):
        y1 = marching(rk4_step)(dynamics, t0, t1, n_steps)(y0)
        while not (y1 == y1).all():
            dynamics(t1, y1)
        return y1

    return solve


def without_gradient_of_state(dynamics, t0, t1, n_steps):
    return lambda y0: marching(rk4_step)(dynamics, t0, t1, n_steps)(y0.detach()) + 0 * y0.sum().detach()


@pytest.mark.parametrize(
    "under_test",
    [rk4(), after(refuses), layer(searching), layer(without_gradient_of_state)],
    ids=["propagates", "refuses", "searches for ever", "has no gradient of y0"],
)
def test_nothing_is_hidden_by_a_layer_that(under_test):
    assert violated(under_test) == []


def test_one_masked_entry_of_the_cotangent_hides_all():
    assert violated(pulling_back(torch.nan_to_num)) == ["gradients that hide a NaN"]
