"""What a field of the user's own cannot reveal, as sentences."""

import pytest
import torch
from own_fields import (
    AUTONOMOUS,
    CONVOLUTION,
    RELU,
    TANH,
    Perceptron,
    SymmetricGradient,
    batch,
    problem,
    seeded,
)
from torch import nn

from nodecheck.problems import from_module
from nodecheck.reference.blindness import blindness


def told(posed):
    return " ".join(blindness(posed))


def test_of_a_rich_field_only_the_direction_of_time_is_told():
    assert blindness(TANH) == ("Time runs forwards only.",)


def test_of_a_field_backwards_the_other_direction_is_told():
    assert blindness(from_module("back", seeded(Perceptron), batch(4, 2), 1.25, 0.5))[-1:] == (
        "Time runs backwards only.",
    )


class Drift(nn.Module):
    """A field of time alone."""

    def __init__(self):
        super().__init__()
        self.rate = nn.Parameter(torch.tensor([0.5, -1.0]))

    def forward(self, t, y):
        return self.rate * (1 + t) + 0 * y


LACKING = [
    (AUTONOMOUS, "does not depend on time"),
    (problem(SymmetricGradient), "Jacobian is symmetric"),
    (problem(Drift), "does not depend on the state"),
    (problem(t1=0.51), "nearly the identity"),
    (RELU, "Jacobian jumps"),
    (from_module("one", seeded(Perceptron, size=1), batch(4, 1), 0.5, 1.25), "one component"),
    (from_module("two", seeded(Perceptron), batch(2, 2), 0.0, 1.0), "as long as another axis"),
    (from_module("zero", seeded(Perceptron), batch(4, 2), 0.0, 0.75), "Time begins at 0"),
    (from_module("unit", seeded(Perceptron), batch(4, 2), 0.5, 1.5), "The interval has length 1"),
    (from_module("alone", seeded(Perceptron), batch(1, 2), 0.0, 1.0), "The batch has one member"),
]


@pytest.mark.parametrize(("posed", "text"), LACKING)
def test_a_feature_that_is_missing_is_told(posed, text):
    assert text in told(posed)
    assert text not in told(TANH)


def test_of_a_scalar_field_a_symmetric_jacobian_is_not_told_too():
    assert "symmetric" not in told(LACKING[5][0])


def test_a_parameter_without_effect_is_told_by_name():
    module = seeded(Perceptron)
    module.spare = nn.Linear(1, 1)
    told_ = told(from_module("spare", module, batch(4, 2), 0.0, 1.0))
    assert "∂L/∂spare.weight, ∂L/∂spare.bias are below 0.001" in told_


def test_a_frozen_parameter_is_told_by_name():
    module = seeded(Perceptron)
    module.net[0].weight.requires_grad_(False)
    assert "net.0.weight require no gradient" in told(from_module("frozen", module, batch(4, 2), 0.0, 1.0))


def test_an_image_is_no_row_when_its_axes_are_compared():
    """Three members of (2, 3, 3): the height is as long as the batch."""
    assert "as long as another axis" in told(CONVOLUTION)
