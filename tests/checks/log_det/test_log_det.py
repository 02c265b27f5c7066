"""Layers with a log-determinant: what fails them, with which words, and what passes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from right_flows import FLOWS, one_long_state

from nodecheck.checks.contract.passes import determinism, nothing_mutated
from nodecheck.checks.log_det.divergence import constant_divergence
from nodecheck.checks.log_det.gradient import log_det_gradient
from nodecheck.checks.log_det.value import log_determinant
from nodecheck.layers import LayerUnderTest, Solve, TorchLayer
from nodecheck.measure.log_det import is_random, weights_of_gradient, weights_of_value
from nodecheck.mutants import ORIGINALS
from nodecheck.mutants.log_det import LOG_DET
from nodecheck.numerics import EPS
from nodecheck.options.profile import SMOKE
from nodecheck.problems import linear_log_det, neural, neural_log_det
from nodecheck.results import Inconclusive

CHECKS = {check.id: check for check in (constant_divergence, log_determinant, log_det_gradient)}
# Words of the diagnosis.
CAUSES = {
    "sign-of-log-det": ("constant-divergence", "its sign is wrong"),
    "trace-averaged": ("log-determinant", "a mean over the components is taken"),
    "trace-of-one-component": ("constant-divergence", "the entry (0, 0) of the Jacobian alone"),
    "jacobian-summed": ("constant-divergence", "All entries of the Jacobian are added"),
    "log-det-of-the-batch": ("log-determinant", "Every member has the sum over the batch"),
    "log-det-starts-at-one": ("constant-divergence", "l does not start at zero"),
    "trace-at-the-start": ("log-determinant", "at another time or state than that of the solver's stages"),
    "log-det-detached": ("log-det-gradient", "No gradient arrives from l"),
    "divergence-of-detached-state": ("log-det-gradient", "or the way over the state"),
    "noise-in-each-evaluation": ("constant-divergence", "The noise is drawn anew in each evaluation"),
    "noise-of-small-variance": ("constant-divergence", "The noise has to have mean zero, variance one"),
    "cotangent-of-log-det-dropped": ("log-det-gradient", "No gradient arrives from l"),
    "cotangent-of-log-det-negated": ("log-det-gradient", "-1 times that of l: its sign is wrong"),
    "noise-in-backward": ("log-det-gradient", "another noise than the forward pass"),
}
RIGHT = {layer.name: layer for layer in (*ORIGINALS, *FLOWS) if layer.output == "log-det"}
RANDOM = {"fixed-noise", "adjoint-fixed-noise", "flow-gaussian-noise", "flow-adaptive"}


def under_test(layer):
    return LayerUnderTest(layer, SMOKE)


def evidence(layer, name):
    check = CHECKS[name]
    return check.measure(under_test(layer), check.problems[0])


def holds(found):
    return all(m.holds for m in found.measurements)


def mutant(name):
    (found,) = (m for m in LOG_DET if m.name == name)
    return found


def with_fixed_noise(dynamics, t0, t1, n_steps):
    """Return a layer whose estimate has the same noise in every call, from a generator of its own."""
    (original,) = (layer for layer in ORIGINALS if layer.name == "fixed-noise")
    solve = original.build(dynamics, t0, t1, n_steps)
    generator = torch.Generator().manual_seed(3)
    solve.signs = lambda y0: torch.randint(0, 2, y0.shape, generator=generator).to(y0) * 2 - 1
    return solve


def at_outputs(change):
    """Return the `build` of a layer with output times, with what `change` makes of l of each interval."""

    def build(dynamics, ts, n_steps):
        def run(y0):
            ys, parts = [y0], [torch.zeros_like(y0[:, 0])]
            for start, end in pairwise(ts.tolist()):
                y1, log_det = one_long_state(dynamics, start, end, n_steps)(ys[-1])
                ys.append(y1)
                parts.append(log_det)
            return torch.stack(ys), change(torch.stack(parts))

        return run

    return TorchLayer("at outputs", build, order=4, output="log-det")


def one_late(parts):
    return torch.cat([0 * parts[:1], parts.cumsum(0)[:-1]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda parts: parts, "starts at zero again at every output time"),
        (one_late, "comes one output time late"),
    ],
)
def test_a_log_determinant_of_another_interval_is_named(change, words):
    found = evidence(at_outputs(change), "constant-divergence")
    assert not holds(found)
    assert words in found.diagnosis


def test_a_log_determinant_at_output_times_is_the_sum_of_its_parts():
    assert holds(evidence(at_outputs(lambda parts: parts.cumsum(0)), "constant-divergence"))


def test_every_mutant_has_a_cause():
    assert set(CAUSES) == {m.name for m in LOG_DET}


@pytest.mark.parametrize("name", CAUSES)
def test_a_wrong_layer_fails_and_is_told_the_cause(name):
    check, words = CAUSES[name]
    assert check in mutant(name).caught_by
    found = evidence(mutant(name).layer, check)
    assert not holds(found)
    assert words in found.diagnosis


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_layer_passes_however_it_gets_its_l(name, check):
    assert holds(evidence(RIGHT[name], check))


@pytest.mark.parametrize("name", RIGHT)
def test_an_estimate_is_recognised_by_its_seed(name):
    assert is_random(under_test(RIGHT[name])) == (name in RANDOM)


@pytest.mark.parametrize("check", [determinism, nothing_mutated], ids=lambda check: check.id)
@pytest.mark.parametrize("name", sorted(RANDOM))
def test_a_random_l_beside_a_state_is_no_fault_of_the_state(name, check):
    assert holds(check.measure(under_test(RIGHT[name]), neural))


def test_a_generator_that_is_drawn_from_for_nothing_is_found():
    def build(dynamics, t0, t1, n_steps):
        solve = one_long_state(dynamics, t0, t1, n_steps)
        return lambda y0: (torch.rand(1), solve(y0))[1]

    layer = TorchLayer("draws", build, order=4, output="log-det")
    assert not holds(nothing_mutated.measure(under_test(layer), neural))


def test_a_noise_that_is_never_drawn_again_is_told():
    found = evidence(TorchLayer("same", with_fixed_noise, order=4, output="log-det"), "constant-divergence")
    assert not holds(found)
    assert "a noise that is the same in every call" in found.diagnosis


def test_the_weights_of_an_estimate_are_its_noise():
    layer = under_test(RIGHT["fixed-noise"])
    with layer.backend.isolated(layer.seed):
        noise = RIGHT["fixed-noise"].build(torch.nn.Identity(), 0.0, 1.0, n_steps=1).signs
        signs = noise(torch.zeros(neural.y0.shape, dtype=torch.float64)).numpy()
    expected = signs[:, :, None] * signs[:, None, :]
    assert np.abs(weights_of_value(layer) - expected).max() <= 64 * EPS


def test_forward_and_backward_pass_have_the_same_weights():
    layer = under_test(RIGHT["adjoint-fixed-noise"])
    assert np.abs(weights_of_gradient(layer) - weights_of_value(layer)).max() <= 256 * EPS


def test_a_gradient_of_a_wrong_l_is_judged_by_that_l():
    assert holds(evidence(mutant("sign-of-log-det").layer, "log-det-gradient"))


def test_a_gradient_of_no_l_at_all_is_left_to_the_forward_pass():
    with pytest.raises(Inconclusive, match="the forward pass decides"):
        evidence(mutant("trace-at-the-start").layer, "log-det-gradient")


def test_an_even_state_leaves_the_log_determinant_as_it_is():
    plain, even = (
        TorchLayer("flow", one_long_state, order=4, output="log-det", supports=supports)
        for supports in (frozenset(), {"even"})
    )
    cotangent = np.random.default_rng(0).standard_normal(neural_log_det.y0.shape)
    first, second = (
        under_test(layer).fresh(Solve(neural_log_det, 8), [cotangent]) for layer in (plain, even)
    )
    assert np.abs(first.y1 - second.y1).max() <= 64 * EPS
    assert np.abs(first.gradients["y0"] - second.gradients["y0"]).max() <= 256 * EPS


def test_another_start_of_l_is_added_to_it():
    layer = under_test(RIGHT["exact-trace"])
    moved = linear_log_det.replace(y0=linear_log_det.y0 + np.eye(4)[3])
    assert np.array_equal(layer.solve(moved, 4).y1[:, -1], layer.solve(linear_log_det, 4).y1[:, -1] + 1)
