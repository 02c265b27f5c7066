"""The gradient against finite differences: all groups at once, and each by itself."""

import dataclasses

import numpy as np
import pytest
from wrong_layers import continuous, rk4

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.own_derivative import own_derivative_distance, own_derivative_distances
from nodecheck.options.profile import CI
from nodecheck.problems import neural

N_STEPS = 7


class WrongInOneGroup(LayerUnderTest):
    """Backprop through RK4, whose gradient of one group is too large by a relative `error`."""

    def __init__(self, group, error):
        super().__init__(rk4(), CI, 0)
        self.group, self.error = group, error

    def gradients(self, problem, resolution, count=None):
        def wrong(run):
            value = run.gradients[self.group]
            return dataclasses.replace(run, gradients={**run.gradients, self.group: (1 + self.error) * value})

        return [wrong(run) for run in super().gradients(problem, resolution, count)]


def test_one_difference_quotient_tells_that_a_gradient_is_that_of_the_forward_pass():
    layer = LayerUnderTest(rk4(), CI, 0)
    assert own_derivative_distance(layer, neural, N_STEPS).at_rounding


@pytest.mark.parametrize("group", neural.groups)
@pytest.mark.parametrize("error", [1e-8, -1.0])
def test_a_mistake_in_one_group_shows_in_all_of_them_together_and_in_that_one(group, error):
    layer = WrongInOneGroup(group, error)
    assert not own_derivative_distance(layer, neural, N_STEPS).at_rounding
    each = own_derivative_distances(layer, neural, N_STEPS)
    assert [name for name, distance in each.items() if not distance.at_rounding] == [group]
    assert each[group].value == pytest.approx(abs(error), rel=1e-2)


def test_all_together_a_continuous_adjoint_is_as_far_off_as_its_groups_are():
    layer = LayerUnderTest(continuous(), CI, 0)
    together = own_derivative_distance(layer, neural, N_STEPS)
    each = own_derivative_distances(layer, neural, N_STEPS)
    assert not together.at_rounding
    sizes = [distance.value for distance in each.values()]
    assert np.min(sizes) / len(sizes) < together.value < np.max(sizes)
