"""Times as inputs of a layer: who gets numbers, who tensors, and whose gradients come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nodecheck.backends.torch.backend import BACKEND
from nodecheck.layers import LayerUnderTest, Solve, TorchLayer, Variation
from nodecheck.options.profile import SMOKE
from nodecheck.problems import constant, constant_at_outputs, members_of

PROMISED = {"time-gradients"}


def straight(seen=None):
    """Return a `build` of one step of Euler, exact for constant fields; it records what it is given."""

    def build(dynamics, t0, t1, n_steps):
        if seen is not None:
            seen.extend([t0, t1])
        return lambda y0: y0 + (t1 - t0) * dynamics(t0, y0)

    return build


def straight_at_outputs(dynamics, ts, n_steps):
    return lambda y0: torch.stack([y0 + (t - ts[0]) * dynamics(t, y0) for t in ts])


def gradients(layer, problem, *wrt):
    solve = Solve(problem, 1, wrt=(*problem.groups, *wrt))
    return BACKEND.solve(layer, solve, (np.ones(problem.output_shape),)).gradients


def test_ends_are_numbers_where_no_gradient_is_asked_for():
    seen = []
    layer = TorchLayer("straight", straight(seen), supports=PROMISED)
    BACKEND.solve(layer, Solve(constant, 1), (np.ones_like(constant.y0),))
    assert all(type(t) is float for t in seen)


def test_ends_are_tensors_where_their_gradient_is_asked_for():
    seen = []
    gradients(TorchLayer("straight", straight(seen), supports=PROMISED), constant, "t0", "t1")
    assert [(t.dtype, t.shape, t.requires_grad) for t in seen] == [(torch.float64, (), True)] * 2


def test_the_gradients_of_both_ends_come_back():
    found = gradients(TorchLayer("straight", straight(), supports=PROMISED), constant, "t0", "t1")
    total = np.sum(np.broadcast_to(constant.params["c"], constant.y0.shape))
    assert (float(found["t0"]), float(found["t1"])) == pytest.approx((-total, total))


def test_the_gradient_of_output_times_comes_back_as_one_vector():
    found = gradients(TorchLayer("straight", straight_at_outputs), constant_at_outputs, "ts")
    assert found["ts"].shape == (len(constant_at_outputs.ts),)
    assert float(np.sum(found["ts"])) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("layer", "wrt"),
    [
        (TorchLayer("numbers", straight()), "t1"),
        (TorchLayer("ends", straight(), supports=PROMISED), "ts"),
        (TorchLayer("outputs", straight_at_outputs, supports=PROMISED), "t0"),
    ],
)
def test_a_time_that_build_does_not_take_as_a_tensor_is_refused(layer, wrt):
    with pytest.raises(ValueError, match="expected gradients with respect to"):
        gradients(layer, constant, wrt)


def test_gradients_with_times_are_cached_beside_those_without():
    seen = []
    layer = LayerUnderTest(TorchLayer("straight", straight(seen), supports=PROMISED), SMOKE)
    for _ in range(2):
        layer.gradients(constant, 1, 1)
        layer.gradients(constant, 1, 1, wrt=(*constant.groups, "t0", "t1"))
    assert len(seen) == 4


def of_members(problem):
    """Return a solve in which each member of the batch has an interval of its own."""
    variation = Variation("member-times", others=members_of(problem))
    return Solve(problem, 1, variation=variation)


def test_each_member_gets_its_own_ends_as_tensors():
    seen = []

    def build(dynamics, t0, t1, n_steps):
        seen.extend([t0, t1])
        return lambda y0: y0 + (t1 - t0)[:, None] * dynamics(t0, y0)

    BACKEND.solve(TorchLayer("straight", build, supports={"member-times"}), of_members(constant))
    members = members_of(constant)
    assert [t.tolist() for t in seen] == [[m.t0 for m in members], [m.t1 for m in members]]
    assert not any(t.requires_grad for t in seen)


def test_each_member_gets_its_own_output_times():
    seen = []

    def build(dynamics, ts, n_steps):
        seen.append(ts)
        return lambda y0: torch.stack([y0] * ts.shape[-1])

    BACKEND.solve(TorchLayer("still", build, supports={"member-times"}), of_members(constant_at_outputs))
    assert seen[0].tolist() == [list(m.ts) for m in members_of(constant_at_outputs)]
