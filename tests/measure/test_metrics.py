"""The numbers by which runs are compared: the same in every run, and above what rounding leaves."""

from __future__ import annotations

import functools
import math

import pytest

import nodecheck
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.convergence import Ladder, error_at_tolerance, floor_of, known_error
from nodecheck.numerics import FLOOR_FACTOR, OrderFit
from nodecheck.options.profile import SMOKE
from nodecheck.problems import neural
from nodecheck.results import Run


def layer(solver="rk4", adjoint="continuous"):
    def build(dynamics, t0, t1, n_steps):
        return nodecheck.ODELayer(dynamics, t0, t1, n_steps, solver=solver, adjoint=adjoint)

    return nodecheck.TorchLayer("mine", build)


EXAMINED = LayerUnderTest(layer(), SMOKE)
FLOOR = floor_of(EXAMINED, neural)


def adaptive():
    torchdiffeq = pytest.importorskip("torchdiffeq", reason="torchdiffeq is not installed")

    def build(dynamics, t0, t1, tol):
        import torch

        times = torch.tensor([t0, t1], dtype=torch.float64)
        return lambda y0: torchdiffeq.odeint_adjoint(dynamics, y0, times, rtol=tol, atol=tol)[-1]

    return nodecheck.TorchLayer("mine", build)


@functools.cache
def run() -> Run:
    return nodecheck.run(layer(), profile="smoke", select="*-[oltm]*")


def numbers(run: Run, check: str) -> dict[str, float]:
    return {m.name: m.value for r in run.results if r.check == check for m in r.metrics}


def test_two_runs_have_the_same_numbers():
    again = nodecheck.run(layer(), profile="smoke", select="*-[oltm]*")
    assert [r.metrics for r in again.results] == [r.metrics for r in run().results]


@pytest.mark.parametrize(
    ("check", "name", "value"),
    [
        ("evaluation-times", "evaluations per step", 4.0),
        ("forward-order", "order of y1", pytest.approx(4, abs=0.3)),
        ("gradient-order", "order of ∂L/∂W1 over 2 cotangents", pytest.approx(4, abs=0.3)),
    ],
)
def test_a_known_number_of_a_known_layer(check, name, value):
    assert numbers(run(), check)[name] == value


def test_a_ladder_gives_its_error_on_a_grid_of_every_profile():
    for profile in ("smoke", "ci"):
        found = nodecheck.run(layer(), profile=profile, select="forward-order")
        assert numbers(found, "forward-order").keys() == {"order of y1", "error at 64 steps of y1"}


def states_per_step(solver):
    discrete = nodecheck.run(layer(solver, "discrete"), profile="smoke", select="memory-law")
    return numbers(discrete, "memory-law")["states per step saved by autograd"]


def test_states_for_each_step_grow_with_the_stages_of_a_step():
    assert states_per_step("rk4") == pytest.approx(4 * states_per_step("euler"))


def test_evaluations_of_the_backward_pass_are_a_number():
    found = numbers(nodecheck.run(layer("euler"), profile="ci", select="gradient-cost"), "gradient-cost")
    assert {name.partition(",")[0] for name in found} == {
        "evaluations forward",
        "evaluations backward",
        "vector-Jacobian products",
    }


def test_an_adaptive_layer_has_its_errors_at_a_tolerance():
    found = nodecheck.run(adaptive(), profile="smoke", select="*-t*")
    assert "error at tol 1e-05 of y1" in numbers(found, "forward-tolerance")
    assert "error at tol 1e-05 of ∂L/∂y0 over 2 cotangents" in numbers(found, "gradient-tolerance")
    assert "evaluations at tol 0.0001" in numbers(found, "evaluation-times")


def test_an_error_below_the_floor_is_the_floor():
    """Rounding differs from machine to machine: doubled, it is no regression."""
    below = [known_error("of y1", error, FLOOR).value for error in (0.0, 1e-17, 3e-16)]
    assert len(set(below)) == 1
    assert below[0] > 3e-16


def test_an_error_above_the_floor_is_itself():
    assert known_error("of y1", 1e-8, FLOOR).value == 1e-8


def test_an_error_that_is_not_a_number_stays_so():
    assert math.isnan(known_error("of y1", math.nan, FLOOR).value)


def test_an_exact_layer_has_an_error_but_no_order():
    exact = Ladder((8, 16, 32, 64), (1e-17,) * 4, OrderFit(math.nan, (), True, 0), 1e-16)
    (error,) = exact.metrics(EXAMINED, "y1", neural)
    assert (error.quantity, error.name) == ("error", "error at 64 steps of y1")
    assert error.value >= FLOOR_FACTOR * 1e-16


def test_a_sweep_that_ended_early_gives_its_last_error():
    found = error_at_tolerance(EXAMINED, "y1", neural, (1e-3, 1e-4), (1e-2, 1e-3))
    assert found.name == "error at tol 0.0001 of y1"
