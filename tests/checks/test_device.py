"""Checks of layers on a device: their judgements, and all of their code on a pretended device."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pretended_device import pretended
from right_layers import LAYERS as RIGHT

from nodecheck.backends.torch.backend import BACKEND
from nodecheck.checks import CHECKS
from nodecheck.checks.contract.passes import determinism, float32_state
from nodecheck.checks.device import autocast_errors, device_waits, placed, waited
from nodecheck.layers import Call, LayerUnderTest, Pullback, Solution, TorchLayer
from nodecheck.mutants import AdjointRK4, BackpropRK4, as_layer
from nodecheck.mutants.device import DEVICE
from nodecheck.numerics.constants import AUTOCAST_ROUNDINGS, SUMS_IN_ANOTHER_ORDER
from nodecheck.numerics.formats import UNIT_ROUNDOFF
from nodecheck.options.profile import SMOKE
from nodecheck.problems import neural
from nodecheck.results import Inconclusive, Skip
from nodecheck.runner.measure import measure

BY_ID = {check.id: check for check in CHECKS}
ON_DEVICE = [check for check in CHECKS if "device" in check.requires]
MUTANT = {mutant.name: mutant.layer for mutant in DEVICE}
# On the CPU these are wrong as well, as far as their check goes.
SEEN_ON_THE_CPU = ("stages-read-on-host", "adjoint-read-on-host", "halves-converted-without-graph")


def called(device="cuda:0", phase="forward"):
    return Call(0.0, None, "float64", (4, 3), phase, device)


def solution(calls=("cuda:0",), backward=("cuda:0",), device="cuda:0"):
    pullback = Pullback({}, tuple(called(d, "backward") for d in backward))
    return Solution(np.zeros((4, 3)), tuple(map(called, calls)), (pullback,), device=device)


def violated(evidence):
    return [m.name for m in evidence.measurements if not m.holds]


@pytest.fixture
def device():
    with pretended():
        yield


def test_what_stays_on_the_device_of_the_state_is_right():
    assert violated(placed(solution(), "cuda")) == []


def test_an_output_on_the_cpu_is_named_with_both_devices():
    evidence = placed(solution(device="cpu"), "cuda")
    assert violated(evidence) == ["outputs on another device"]
    assert evidence.diagnosis == "y0 is on cuda, y1 on cpu."


@pytest.mark.parametrize("phase", ["forward", "backward"])
def test_an_evaluation_on_the_cpu_is_seen_in_either_pass(phase):
    where = {"forward": {"calls": ("cuda:0", "cpu")}, "backward": {"backward": ("cpu",)}}[phase]
    evidence = placed(solution(**where), "cuda")
    assert violated(evidence) == [f"evaluations on another device, {phase}"]
    assert "asked for on cpu" in evidence.diagnosis


def test_one_wait_in_each_step_is_allowed_and_told():
    evidence = waited((3, 1), (19, 17), 16)
    assert violated(evidence) == []
    assert evidence.facts["waits for the device"] == "1 forward and 1 backward in each step"


@pytest.mark.parametrize(("fine", "phase"), [((67, 1), "forward"), ((3, 65), "backward")])
def test_a_wait_in_each_stage_is_too_many(fine, phase):
    evidence = waited((3, 1), fine, 16)
    assert violated(evidence) == [f"waits in each step, {phase}"]
    assert "waits for the device 4 times in each step" in evidence.diagnosis


def test_waits_at_the_start_and_at_the_end_do_not_count():
    assert violated(waited((500, 500), (500, 500), 16)) == []


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_a_gradient_that_autocast_loses_is_beyond_its_bound(name):
    ones = {"y0": np.ones((4, 3))}
    exact = Solution(np.ones((4, 3)), (), (Pullback(ones),))
    lost = replace(exact, pullbacks=(Pullback({"y0": None}),))
    found = autocast_errors(lost, exact, AUTOCAST_ROUNDINGS * UNIT_ROUNDOFF[name], "there")
    assert [m.holds for m in found] == [True, False]


def test_not_a_number_under_autocast_is_beyond_its_bound():
    exact = Solution(np.ones((4, 3)), (), (Pullback({}),))
    (found,) = autocast_errors(replace(exact, y1=np.full((4, 3), np.nan)), exact, 1.0, "there")
    assert not found.holds


@pytest.mark.parametrize("check", ON_DEVICE, ids=lambda check: check.id)
@pytest.mark.parametrize("family", [BackpropRK4, AdjointRK4], ids=lambda family: family.__name__)
def test_a_right_layer_passes_on_a_pretended_device(check, family, device):
    layer = LayerUnderTest(as_layer(family, claims=family), SMOKE)
    evidence = check.measure(layer, neural)
    assert violated(evidence) == []
    assert evidence.measurements


@pytest.mark.parametrize("name", SEEN_ON_THE_CPU)
def test_a_mutant_of_code_is_caught_on_a_pretended_device(name, device):
    (mutant,) = (mutant for mutant in DEVICE if mutant.name == name)
    (check,) = mutant.caught_by
    assert violated(BY_ID[check].measure(LayerUnderTest(mutant.layer, SMOKE), neural))


def test_an_adaptive_layer_is_told_its_waits_without_a_verdict(device):
    adaptive = next(layer for layer in RIGHT if layer.adaptive)
    with pytest.raises(Skip, match=r"reads what it computes: \S+ forward, \S+ backward"):
        device_waits.measure(LayerUnderTest(adaptive, SMOKE), neural)


def test_a_layer_of_constant_cost_has_nothing_to_divide_waits_by(device):
    constant = TorchLayer("constant", lambda f, t0, t1, n_steps: lambda y: y + (t1 - t0) * f(t0, y))  # noqa: ARG005
    with pytest.raises(Inconclusive, match="no more evaluations"):
        device_waits.measure(LayerUnderTest(constant, SMOKE), neural)


class Fake:
    """A backend whose solutions are made by a function of the name of the variation."""

    capabilities = BACKEND.capabilities

    def __init__(self, solve):
        self._solve, self.asked = solve, []

    def solve(self, layer, solve, cotangents=(), *, instruments=()):
        self.asked.append((solve.variation.name, solve.device))
        return self._solve(solve)


def fake(solve):
    layer, backend = as_layer(BackpropRK4, claims=BackpropRK4), Fake(solve)
    return LayerUnderTest(layer, SMOKE, 0, backend, device="cuda"), backend


def with_noise(size, *, always=False):
    rng = np.random.default_rng(0)

    def solve(solve):
        noisy = always or solve.variation.name == "plain"
        y1 = 1.0 + noisy * size * rng.random((4, 3))
        return Solution(y1, (called(),), (Pullback({"y0": np.ones((4, 3))}, (called(),)),))

    return solve


def test_a_kernel_that_adds_in_any_order_is_named_and_passes():
    layer, _ = fake(with_noise(1e-15))
    evidence = determinism.measure(layer, neural)
    assert violated(evidence) == []
    assert evidence.facts == {"the same numbers again": "only with torch.use_deterministic_algorithms(True)"}


@pytest.mark.parametrize("solve", [with_noise(1e-15, always=True), with_noise(1e-3)])
def test_noise_that_is_no_rounding_of_a_kernel_fails(solve):
    assert violated(determinism.measure(fake(solve)[0], neural)) == ["difference of two forward passes"]


def single(solve):
    """Return solutions that are off by the rounding of TF32 where it is allowed."""
    tf32 = solve.dtype == "float32" and solve.variation.name == "plain"
    return Solution(np.full((4, 3), 1.0 + 0.5 * tf32, dtype=solve.dtype), (called(),))


def test_an_error_of_products_in_tf32_is_named_and_passes():
    evidence = float32_state.measure(fake(single)[0], neural)
    assert violated(evidence) == []
    assert "TF32" in evidence.facts["float32"]


def test_every_solve_of_a_layer_on_a_device_asks_for_it():
    layer, backend = fake(with_noise(0.0))
    determinism.measure(layer, neural)
    assert {device for _, device in backend.asked} == {"cuda"}


def test_bounds_of_a_layer_on_a_device_allow_for_other_sums():
    assert fake(single)[0].reordering == SUMS_IN_ANOTHER_ORDER
    assert LayerUnderTest(RIGHT[0], SMOKE).reordering == 1


@pytest.mark.cuda
@pytest.mark.parametrize("mutant", DEVICE, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught_on_the_device(mutant):
    layer = LayerUnderTest(mutant.layer, SMOKE, device="cuda")
    results = [measure(BY_ID[id_], neural, layer) for id_ in mutant.caught_by]
    assert all(result.violated for result in results)


@pytest.mark.cuda
@pytest.mark.parametrize("family", [BackpropRK4, AdjointRK4], ids=lambda family: family.__name__)
@pytest.mark.parametrize("check", ON_DEVICE, ids=lambda check: check.id)
def test_a_right_layer_passes_on_the_device(check, family):
    layer = LayerUnderTest(as_layer(family, claims=family), SMOKE, device="cuda")
    assert violated(check.measure(layer, neural)) == []


@pytest.mark.cuda
def test_a_layer_that_leaves_a_stream_computes_with_what_was_there(device):
    layer = LayerUnderTest(MUTANT["default-stream"], SMOKE, device="cuda")
    assert violated(BY_ID["device-uses"].measure(layer, neural)) == [
        "change in a stream that is not the default one"
    ]
    torch.cuda.synchronize()
