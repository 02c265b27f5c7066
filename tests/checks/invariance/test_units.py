"""Shifts and units: which layers they are an identity for, and how exact it is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from wrong_layers import adaptive, continuous, marching, rk4, rk4_step

from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.options.profile import CI
from nodecheck.problems import neural
from nodecheck.results import Inconclusive
from nodecheck.variations.shapes import OTHER_SHAPES, USUAL_SHAPE
from nodecheck.variations.units import iterates

LATE = "change in float32 where t0 is 1e+06 and not 0.3"
BY_ID = {check.id: check for check in CHECKS}


def measure(name, layer):
    return BY_ID[name].measure(LayerUnderTest(layer, CI), None)


def names(evidence):
    return [m.name for m in evidence.measurements]


def violated(evidence):
    return [m.name for m in evidence.measurements if not m.holds]


def implicit(norm, tolerance=1e-9):
    """Return the implicit midpoint rule, by iteration until the slopes change by less than a fixed number."""

    def build(dynamics, t0, t1, n_steps):
        def solve(y):
            h = (t1 - t0) / n_steps
            for i in range(n_steps):
                t, slope, change = t0 + (i + 0.5) * h, torch.zeros_like(y), tolerance
                while change >= tolerance:
                    before, slope = slope, dynamics(t, y + h / 2 * slope)
                    change = float(norm((slope - before).detach()))
                y = y + h * slope
            return y

        return solve

    return TorchLayer("implicit", build, order=2)


def rosenbrock_by_differences(dynamics, t0, t1, n_steps):
    """ROS2, of order two whatever its matrix is: here the Jacobian, by differences."""
    gamma = 1 - 0.5**0.5

    def jacobian(t, y):
        size = 1e-7
        columns = [(dynamics(t, y + size * e) - dynamics(t, y)) / size for e in torch.eye(y.shape[1]).to(y)]
        return torch.stack(columns, -1)

    def solve(y):
        h = (t1 - t0) / n_steps
        for i in range(n_steps):
            t = t0 + i * h
            matrix = torch.eye(y.shape[1]).to(y) - gamma * h * jacobian(t, y.detach()).detach()
            k1 = torch.linalg.solve(matrix, dynamics(t, y).unsqueeze(-1)).squeeze(-1)
            right = dynamics(t + h, y + h * k1) - 2 * k1
            y = y + 1.5 * h * k1 + h / 2 * torch.linalg.solve(matrix, right.unsqueeze(-1)).squeeze(-1)
        return y

    return solve


def test_a_layer_without_iterations_is_asked_for_shifts_and_units():
    assert names(measure("other-units", rk4())) == [
        "change on [-2.25, -0.75]",
        "change on [-0.25, 1.25]",
        "change on [40.25, 41.75]",
        "change on [131072, 131074]",
        "change on an interval 8 times as long",
        "change on an interval 1/8 as long",
        "change for a state 1024 times as large",
        "change for a state 1/1024 as large",
        LATE,
    ]


@pytest.mark.parametrize(
    "layer", [adaptive(), implicit(torch.linalg.vector_norm)], ids=["adaptive", "implicit"]
)
def test_where_a_tolerance_has_units_there_are_shifts_alone(layer):
    evidence = measure("other-units", layer)
    assert [name.startswith("change on [") for name in names(evidence) if name != LATE] == [True] * 4
    assert all(m.holds for m in evidence.measurements)


@pytest.mark.parametrize("layer", [rk4(), continuous()], ids=lambda layer: layer.name)
def test_powers_of_two_leave_every_bit_as_it_was(layer):
    assert [m.value for m in measure("other-units", layer).measurements] == [0.0] * 9


@pytest.mark.parametrize("eps", [1e-4, 1e-6])
def test_a_rounded_time_is_seen_where_times_are_late(eps):
    def build(dynamics, t0, t1, n_steps):
        def solve(y):
            h = (t1 - t0) / n_steps
            for i in range(n_steps):
                y = rk4_step(lambda t, y: dynamics(t * (1 + eps * (abs(t) > 30)), y), t0 + i * h, h, y)
            return y

        return solve

    evidence = measure("other-units", TorchLayer("rounded", build))
    assert violated(evidence) == ["change on [40.25, 41.75]", "change on [131072, 131074]"]


def in_the_dtype_of_the_state(dynamics, t0, t1, n_steps):
    """RK4 on a grid of times in the dtype of the state."""

    def solve(y):
        grid = torch.linspace(t0, t1, n_steps + 1, dtype=y.dtype)
        for t, after in itertools.pairwise(grid):
            y = rk4_step(dynamics, t, after - t, y)
        return y

    return solve


def adaptive_in_the_dtype_of_the_state(dynamics, t0, t1, tol):
    def solve(y):
        ends = torch.tensor([t0, t1], dtype=y.dtype).tolist()
        return adaptive().build(dynamics, *ends, tol)(y)

    return solve


@pytest.mark.parametrize("build", [in_the_dtype_of_the_state, adaptive_in_the_dtype_of_the_state])
def test_float32_times_beside_a_float32_state_show_late(build):
    evidence = measure("other-units", TorchLayer("float32", build))
    assert violated(evidence) == [LATE]
    assert "times or steps are kept in float32" in evidence.diagnosis


def test_a_float32_time_told_to_the_field_is_no_rounded_step():
    def build(dynamics, t0, t1, n_steps):
        def field(t, y):
            return dynamics(torch.tensor(t, dtype=y.dtype), y)

        return marching(rk4_step)(field, t0, t1, n_steps)

    assert violated(measure("other-units", TorchLayer("told", build))) == []


def test_a_layer_that_refuses_float32_is_not_asked_late():
    def build(dynamics, t0, t1, n_steps):
        def solve(y):
            if y.dtype != torch.float64:
                message = "expected float64"
                raise TypeError(message)
            return marching(rk4_step)(dynamics, t0, t1, n_steps)(y)

        return solve

    assert LATE not in names(measure("other-units", TorchLayer("float64", build)))


def test_late_times_beside_a_float32_state_may_be_refused():
    def build(dynamics, t0, t1, n_steps):
        def solve(y):
            if y.dtype == torch.float32 and t0 > 1e5:
                message = "underflow in dt"
                raise AssertionError(message)
            return marching(rk4_step)(dynamics, t0, t1, n_steps)(y)

        return solve

    evidence = measure("other-units", TorchLayer("raises", build))
    assert violated(evidence) == []
    assert evidence.facts == {"cannot be used": LATE.removeprefix("change ")}


def refusing_beyond(latest):
    """Return RK4, which raises where the interval ends later."""

    def build(dynamics, t0, t1, n_steps):
        if t1 > latest:
            msg = "too late"
            raise ValueError(msg)
        return rk4().build(dynamics, t0, t1, n_steps)

    return TorchLayer("refuses", build)


def test_very_late_times_may_be_refused_in_float64_too():
    evidence = measure("other-units", refusing_beyond(1e3))
    assert violated(evidence) == []
    assert evidence.facts["cannot be used"].startswith("on [131072, 131074]")


def test_ordinary_times_may_not_be_refused():
    evidence = measure("other-units", refusing_beyond(10.0))
    assert "passes that raise on [40.25, 41.75]" in violated(evidence)


def test_an_iteration_is_known_by_its_evaluations():
    layers = (rk4(), continuous(), implicit(torch.linalg.vector_norm))
    assert [iterates(LayerUnderTest(layer, CI)) for layer in layers] == [False, False, True]


def test_where_an_iteration_stops_may_depend_on_sizes():
    with pytest.raises(Inconclusive, match="iterates to some tolerance"):
        measure("other-sizes", implicit(torch.linalg.vector_norm, 1e-3))


def test_an_iteration_to_rounding_is_judged_at_all_sizes():
    evidence = measure("other-sizes", implicit(torch.linalg.vector_norm, 1e-15))
    assert len(evidence.measurements) == 6
    assert all(m.holds for m in evidence.measurements)


def test_the_same_numbers_in_all_shapes_are_those_of_the_network():
    problems = [USUAL_SHAPE, *(problem for _, problem in OTHER_SHAPES)]
    assert all(np.array_equal(np.unique(problem.y0), np.unique(neural.y0)) for problem in problems)
    values = [np.concatenate([np.ravel(v) for v in problem.params.values()]) for problem in problems]
    assert all(np.array_equal(v, values[0]) for v in values)


@pytest.mark.parametrize("name", ["other-units", "other-sizes"])
def test_derivatives_may_be_taken_by_differences(name):
    evidence = measure(name, TorchLayer("rosenbrock", rosenbrock_by_differences))
    assert len(evidence.measurements) >= 6
    assert all(m.holds for m in evidence.measurements)
    assert any(m.value > 1e-4 for m in evidence.measurements)  # far more than rounding, far less than a fault
