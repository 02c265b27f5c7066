"""Layers in float32: right ones are verified as such, and wrong ones are told from rounding."""

from __future__ import annotations

import pytest
import torch
from right_layers import LAYERS

import nodecheck
from nodecheck.layers import LayerUnderTest, Solve, TorchLayer
from nodecheck.measure.noise import gradient_floors, noise, state_floor
from nodecheck.mutants import MUTANTS
from nodecheck.neural_ode import ODELayer
from nodecheck.numerics import FLOOR_FACTOR, LARGEST_WEIGHTS, group_errors, relative_error
from nodecheck.options.profile import CI, SMOKE
from nodecheck.problems import neural, neural_at_outputs
from nodecheck.reference import sensitivity
from nodecheck.results import SCOPE, Status

RIGHT = {layer.name: layer for layer in LAYERS}
# One of each kind: in a loop, with weights that cancel, by an adjoint, adaptive, at output times, of pairs.
IN_FLOAT32 = (
    "midpoint-loop",
    "euler-extrapolated-four-times",
    "functorch-adjoint",
    "rk4-step-doubling",
    "pair-at-output-times",
    "adjoint-under-autocast",
)
WRONG = {mutant.name: mutant for mutant in MUTANTS}
# What float32 still shows in seconds, with the checks that fail it there.
SEEN = {
    "extra-step": "constant-field",
    "stage-typo": "forward-order",
    "one-percent-off": "gradient-order",
    "told-times-shifted": "evaluation-times",
    "backward-times-shifted": "evaluation-times",
    "transposed-jacobian": "gradient-order",
    "cotangent-clamped": "cotangent-linearity",
    "gradient-clipped": "cotangent-linearity",
    "small-adjoint-zeroed": "cotangent-linearity",
}
# No faults in float32: what they lose has no more bits there.
NO_FAULTS = ("float32-time-grid", "float32-adjoint", "cotangent-through-float32")


def rk4(**claims):
    def build(dynamics, t0, t1, n_steps):
        return ODELayer(dynamics, t0, t1, n_steps, solver="rk4", adjoint="discrete")

    return TorchLayer("rk4", build, order=4, adjoint="discrete", **claims)


def examined(layer, profile=CI):
    return LayerUnderTest(layer, profile, dtype="float32")


def through(dtype):
    """Return a layer that rounds its state to a dtype after every step."""

    def build(dynamics, t0, t1, n_steps):
        h = (t1 - t0) / n_steps

        def solve(y):
            for k in range(n_steps):
                slope = dynamics(t0 + k * h, y)
                middle = dynamics(t0 + (k + 0.5) * h, y + h / 2 * slope)
                y = (y + h * middle).to(dtype).to(y.dtype)
            return y

        return solve

    return TorchLayer(f"midpoint-in-{dtype}", build, order=2, adjoint="discrete")


@pytest.fixture(scope="module", params=IN_FLOAT32)
def run(request):
    return nodecheck.run(RIGHT[request.param], profile="smoke", dtype="float32")


def test_a_right_layer_raises_no_alarm_in_float32(run):
    found = [r for r in run.results if r.status in (Status.FAILED, Status.ERROR)]
    assert [(r.id, r.reason or r.diagnosis) for r in found] == []


def test_a_right_layer_is_verified_in_float32(run):
    assert run.is_verified(run.layers[0].name)


def test_the_verdict_says_that_it_is_of_float32(run):
    assert next(r.facts[SCOPE] for r in run.results if SCOPE in r.facts).endswith("(float32, CPU)")


@pytest.mark.parametrize("name", SEEN)
def test_a_wrong_layer_is_wrong_in_float32_too(name):
    run = nodecheck.run(WRONG[name].layer, profile="smoke", select=SEEN[name], dtype="float32")
    assert Status.FAILED in {r.status for r in run.results if r.check == SEEN[name]}


@pytest.mark.parametrize("name", NO_FAULTS)
def test_what_is_lost_in_float64_alone_is_no_fault_in_float32(name):
    run = nodecheck.run(
        WRONG[name].layer, profile="smoke", select=list(WRONG[name].caught_by), dtype="float32"
    )
    assert not {Status.FAILED, Status.ERROR} & {r.status for r in run.results}


def test_a_state_that_passes_through_half_precision_is_seen():
    run = nodecheck.run(through(torch.bfloat16), profile="smoke", select="forward-order", dtype="float32")
    (found,) = (r for r in run.results if r.check == "forward-order" and r.problem == "neural")
    assert found.status == Status.FAILED
    assert "bfloat16" in found.diagnosis


def test_numbers_of_float32_are_no_evidence_in_float32():
    layer = examined(rk4())
    assert layer.format_of(layer.solve(layer.rounded(neural), 8).y1) == ""


def test_a_layer_that_returns_float64_is_told_from_one_of_float32():
    def build(dynamics, t0, t1, n_steps):
        solve = rk4().build(dynamics, t0, t1, n_steps)
        return lambda y0: solve(y0).double()

    layer = TorchLayer("promoted", build, order=4, adjoint="discrete")
    run = nodecheck.run(layer, profile="ci", select="float32-state", dtype="float32")
    (found,) = (r for r in run.results if r.check == "float32-state")
    assert found.status == Status.FAILED
    assert "y0 is float32, y1 is float64" in found.diagnosis


def test_the_sweep_of_tolerances_ends_above_rounding():
    assert examined(rk4()).tolerances()[-1] == pytest.approx(1e-6)
    assert min(LayerUnderTest(rk4(), CI).tolerances()) < 1e-7


def test_tolerances_are_loosened_together_where_one_is_out_of_reach():
    assert examined(rk4()).reachable((1e-4, 1e-6, 1e-8)) == pytest.approx((1e-2, 1e-4, 1e-6))
    assert LayerUnderTest(rk4(), CI).reachable((1e-4, 1e-8)) == (1e-4, 1e-8)


def test_there_is_a_level_between_each_two_of_a_fast_method():
    assert examined(rk4(), SMOKE).levels(neural) == (4, 6, 8, 12, 16, 24, 32)
    assert LayerUnderTest(rk4(), SMOKE).levels(neural) == (8, 16, 32, 64)


def test_output_times_keep_their_places_in_the_steps():
    assert all(n % 8 == 0 for n in examined(rk4(), SMOKE).levels(neural_at_outputs))


@pytest.mark.parametrize("n_steps", [8, 32, 128])
def test_the_floor_is_above_what_a_right_layer_rounds_away(n_steps):
    """The distance to the same steps in float64 is the rounding error itself."""
    single, double = examined(rk4()), LayerUnderTest(rk4(), CI)
    problem, cotangents = single.rounded(neural), single.cotangents(neural, 3)
    y1 = [layer.solve(problem, n_steps).y1 for layer in (single, double)]
    assert relative_error(*y1) <= 3 * state_floor(single, problem, n_steps)
    found, exact = (layer.pullbacks(Solve(problem, n_steps), cotangents) for layer in (single, double))
    errors = group_errors([run.gradients for run in found], [run.gradients for run in exact])
    floors = gradient_floors(single, problem, n_steps)
    assert all(error <= 10 * floors[group] for group, error in errors.items())


def test_weights_that_cancel_round_more_and_it_is_measured():
    wild, tame = examined(RIGHT["euler-extrapolated-four-times"]), examined(rk4())
    problem = wild.rounded(neural)
    assert state_floor(wild, problem, 32) > 3 * state_floor(tame, problem, 32)
    assert state_floor(wild, problem, 32) <= LARGEST_WEIGHTS * wild.floor(32)


def test_what_half_precision_rounds_is_not_taken_for_float32():
    coarse = examined(through(torch.bfloat16))
    problem = coarse.rounded(neural)
    error = relative_error(coarse.solve(problem, 128).y1, sensitivity(problem).y1)
    assert error > FLOOR_FACTOR * LARGEST_WEIGHTS * coarse.floor(128)
    assert state_floor(coarse, problem, 128) <= LARGEST_WEIGHTS * coarse.floor(128)


def test_nothing_is_measured_of_rounding_in_float64():
    layer = LayerUnderTest(rk4(), CI)
    assert noise(layer, neural, 8) == {}
    assert state_floor(layer, neural, 8) == layer.roundoff(8)
