"""The tests of a library that uses nodecheck in its own suite."""

import torch
from heunode import HeunLayer, steps

import nodecheck


@nodecheck.parametrize(
    nodecheck.TorchLayer(
        "from a lambda",
        lambda dynamics, t0, t1, n_steps: HeunLayer(dynamics, steps(t0, t1, n_steps)),
        order=2,
    ),
    profile="smoke",
    select="forward-order",
)
def test_the_layer_is_right(check):
    check()


def test_a_field_that_is_zero_changes_nothing():
    y = torch.ones(3, 2, dtype=torch.float64)
    assert torch.equal(HeunLayer(lambda _, y: 0 * y, steps(0.0, 1.0, 4))(y), y)
