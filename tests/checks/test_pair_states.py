"""Layers whose state is a pair of tensors: what fails them, and what passes."""

from __future__ import annotations

import numpy as np
import pytest

import nodecheck
from nodecheck import TorchLayer
from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import ORIGINALS
from nodecheck.mutants.pairs import PAIRS
from nodecheck.options.profile import CI
from nodecheck.problems import neural
from nodecheck.results import Skip
from nodecheck.runner.plan import problems_of

BY_ID = {check.id: check for check in CHECKS}
CAUGHT = [(mutant, name) for mutant in PAIRS for name in mutant.caught_by]
RIGHT = {layer.name: layer for layer in ORIGINALS if layer.output == "pair"}
CAUSES = {
    "second-part-detached": ("gradient-order", "the exact one but for zeros in the last 2 components"),
    "second-cotangent-dropped": ("gradient-order", "a cotangent that is zero in the last 2 components"),
    "loss-on-second-part-lost": ("other-uses", "missing when the second part of y1 is alone in the loss"),
    "data-part-ends-backward": ("other-uses", "missing when the second part of y0 needs no gradient"),
}


def first_failure(layer, name):
    """Return the evidence of the first problem on which a check fails a layer; None if it does on none."""
    check, under_test = BY_ID[name], LayerUnderTest(layer, CI)
    for problem in problems_of(check, CI):
        try:
            found = check.measure(under_test, problem)
        except Skip:
            continue
        if not all(m.holds for m in found.measurements):
            return found
    return None


@pytest.mark.parametrize(("mutant", "name"), CAUGHT, ids=[f"{m.name}: {name}" for m, name in CAUGHT])
def test_a_mutant_is_caught_by_what_it_names(mutant, name):
    assert first_failure(mutant.layer, name)


@pytest.mark.parametrize(("original", "name"), sorted({(m.original.name, name) for m, name in CAUGHT}))
def test_its_original_is_not(original, name):
    assert not first_failure(RIGHT[original], name)


@pytest.mark.parametrize("name", CAUSES)
def test_the_part_that_is_forgotten_is_named(name):
    (wrong,) = [mutant.layer for mutant in PAIRS if mutant.name == name]
    check, cause = CAUSES[name]
    assert cause in first_failure(wrong, check).diagnosis


def test_the_solution_is_that_of_a_layer_with_one_state():
    pair, plain = (LayerUnderTest(layer, CI) for layer in (RIGHT["pair-backprop"], backprop()))
    found, expected = (one.gradients(neural, 8, 1)[0].gradients for one in (pair, plain))
    assert np.array_equal(pair.solve(neural, 8).y1, plain.solve(neural, 8).y1)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-12)


def backprop():
    (layer,) = [layer for layer in ORIGINALS if layer.name == "backprop-rk4"]
    return layer


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (lambda *_, **__: lambda y0: y0[0], "return both parts of the state, `return y1, y2`"),
        (lambda *_, **__: lambda y0: (y0[1], y0[0]), "(4, 1) and (4, 2)"),
        (
            lambda dynamics, **_: lambda y0: (dynamics(0.0, y0[0]), y0[1]),
            "got a tensor of shape (4, 1) for y",
        ),
    ],
)
def test_a_mistake_of_the_adapter_is_named(build, what):
    def written(dynamics, t0, t1, n_steps):
        return build(dynamics=dynamics, t0=t0, t1=t1, n_steps=n_steps)

    found = first_failure(TorchLayer("mine", written, output="pair"), "adapter")
    assert what in found.diagnosis


def test_a_pair_that_is_not_claimed_is_named():
    def build(dynamics, t0, t1, n_steps):
        return lambda y0: y0 + (t1 - t0) * dynamics(t0, (y0, y0))[0]

    (result, *_) = nodecheck.run(TorchLayer("mine", build), profile="smoke").results
    assert 'has output="pair" in its claims' in result.diagnosis
