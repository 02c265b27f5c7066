"""The process as a witness: where it holds more than is counted, memory is hidden."""

from __future__ import annotations

import functools

import pytest

from nodecheck.backends.torch.memory.process import ProcessMemory
from nodecheck.checks.memory.law import judge_law
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.memory.footprints import footprints
from nodecheck.measure.memory.witness import hear_witness, margin_of
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import CI
from nodecheck.targets.third_party.odelayer import LAYERS

STEPS = (16.0, 25.0, 36.0, 49.0, 64.0, 81.0)
STATE = 2**19
NOISE = (0.1, -0.1, 0.05, -0.05, 0.1, -0.1)  # in states: what a quiet machine shows


@functools.cache
def prints(name):
    layers = {layer.name: layer for layer in (*LAYERS, *(m.layer for m in MUTANTS))}
    return footprints(LayerUnderTest(layers[name], CI), live=True)


def peaks(states_per_step, noise=NOISE):
    """Return a process that holds so many states per step above its control."""
    controls = tuple(300 * 2**20 + round(z * STATE) for z in noise)
    found = tuple(300 * 2**20 + round((20 + states_per_step * n) * STATE) for n in STEPS)
    return ProcessMemory(STEPS, found, controls, STATE)


def heard(name, process, claim):
    return hear_witness(judge_law(prints(name), claim), prints(name), process, claim)


def test_a_constant_process_agrees_with_constant_counts():
    evidence = heard("odelayer-euler-continuous", peaks(0.0), "constant")
    assert all(m.holds for m in evidence.measurements)
    assert "they agree" in evidence.facts["process memory"]


def test_a_linear_process_agrees_with_linear_counts():
    evidence = heard("odelayer-euler-discrete", peaks(6.0), "linear")
    assert "they agree" in evidence.facts["process memory"]
    assert not evidence.diagnosis


def test_the_in_process_instruments_do_not_see_bytes():
    assert all(m.holds for m in judge_law(prints("hidden-in-bytes"), "constant").measurements)


def test_memory_that_only_the_process_shows_breaks_the_claim():
    evidence = heard("hidden-in-bytes", peaks(1.0), "constant")
    assert [m.name for m in evidence.measurements if not m.holds] == [
        "AICc by which a law beyond O(1) fits better, in the process"
    ]
    assert "bytes, mmap" in evidence.diagnosis


def test_the_law_is_that_of_what_is_really_held():
    facts = heard("hidden-in-bytes", peaks(1.0), "constant").facts
    assert facts["memory law"].startswith("O(n) in the process, 1 states per step hidden")


@pytest.mark.parametrize("claim", [None, "linear"])
def test_hidden_memory_within_the_claim_is_a_fact(claim):
    evidence = heard("hidden-in-bytes", peaks(1.0), claim)
    assert all(m.holds for m in evidence.measurements)
    assert "memory is hidden" in evidence.facts["process memory"]


def test_noise_hides_nothing_and_accuses_nobody():
    loud = tuple(100 * z for z in NOISE)
    evidence = heard("odelayer-euler-continuous", peaks(0.05, loud), "constant")
    assert "they agree" in evidence.facts["process memory"]


def test_a_process_that_holds_less_than_is_counted_accuses_nobody():
    evidence = heard("odelayer-euler-discrete", peaks(3.0), "linear")
    assert all(m.holds for m in evidence.measurements)
    assert "disagree" in evidence.facts["process memory"]


def test_without_noise_the_margin_is_one_state_over_the_ladder():
    assert margin_of(peaks(1.0, (0.0,) * 6)) == pytest.approx(1 / 65)
