"""Memory of fresh processes: where it is more than is counted in tensors and arrays, memory is hidden."""

from __future__ import annotations

import functools

import pytest

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.memory.footprints import footprints
from nodecheck.measure.memory.law import judge_law
from nodecheck.measure.memory.process import ProcessMemory, margin_of, with_process
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import CI
from nodecheck.targets.third_party.odelayer import LAYERS

STEPS = (16.0, 25.0, 36.0, 49.0, 64.0, 81.0)
STATE = 2**19
NOISE = (0.1, -0.1, 0.05, -0.05, 0.1, -0.1)  # in states: what a quiet machine shows
EXACT = ProcessMemory((1.0, 2.0, 3.0), (120, 140, 160), (100, 100, 100), state_bytes=10)


@functools.cache
def prints(name):
    layers = {layer.name: layer for layer in (*LAYERS, *(m.layer for m in MUTANTS))}
    return footprints(LayerUnderTest(layers[name], CI), live=True)


def peaks(states_per_step, noise=NOISE):
    """Return a process that holds so many states per step above its control."""
    controls = tuple(300 * 2**20 + round(z * STATE) for z in noise)
    found = tuple(300 * 2**20 + round((20 + states_per_step * n) * STATE) for n in STEPS)
    return ProcessMemory(STEPS, found, controls, STATE)


def judged(name, process, claim):
    return with_process(judge_law(prints(name), claim), prints(name), process, claim)


def test_a_constant_process_agrees_with_constant_counts():
    evidence = judged("odelayer-euler-continuous", peaks(0.0), "constant")
    assert all(m.holds for m in evidence.measurements)
    assert "they agree" in evidence.facts["process memory"]


def test_a_linear_process_agrees_with_linear_counts():
    evidence = judged("odelayer-euler-discrete", peaks(6.0), "linear")
    assert "they agree" in evidence.facts["process memory"]
    assert not evidence.diagnosis


def test_the_in_process_instruments_do_not_see_bytes():
    assert all(m.holds for m in judge_law(prints("hidden-in-bytes"), "constant").measurements)


def test_memory_that_only_the_process_shows_breaks_the_claim():
    evidence = judged("hidden-in-bytes", peaks(1.0), "constant")
    assert [m.name for m in evidence.measurements if not m.holds] == [
        "AICc by which a law beyond O(1) fits better, in the process"
    ]
    assert "bytes, mmap" in evidence.diagnosis


def test_the_law_is_that_of_what_is_really_held():
    facts = judged("hidden-in-bytes", peaks(1.0), "constant").facts
    assert facts["memory law"].startswith("O(n) in the process, 1 state per step hidden")


@pytest.mark.parametrize("claim", [None, "linear"])
def test_hidden_memory_within_the_claim_is_a_fact(claim):
    evidence = judged("hidden-in-bytes", peaks(1.0), claim)
    assert all(m.holds for m in evidence.measurements)
    assert "memory is hidden" in evidence.facts["process memory"]


def test_noise_hides_nothing_and_accuses_nobody():
    loud = tuple(100 * z for z in NOISE)
    evidence = judged("odelayer-euler-continuous", peaks(0.05, loud), "constant")
    assert "they agree" in evidence.facts["process memory"]


def test_a_process_that_holds_less_than_is_counted_accuses_nobody():
    evidence = judged("odelayer-euler-discrete", peaks(3.0), "linear")
    assert all(m.holds for m in evidence.measurements)
    assert "disagree" in evidence.facts["process memory"]


def test_without_noise_the_margin_is_one_state_over_the_ladder():
    assert margin_of(peaks(1.0, (0.0,) * 6)) == pytest.approx(1 / 65)


def test_states_are_counted_above_the_control():
    assert EXACT.states == (2.0, 4.0, 6.0)


def test_the_slope_is_in_states_per_step():
    assert EXACT.slope == pytest.approx(2.0)


def test_peaks_on_a_line_have_no_noise():
    assert EXACT.noise == pytest.approx(0.0, abs=1e-12)


def test_noise_is_the_scatter_around_the_line():
    scattered = ProcessMemory((1.0, 2.0, 3.0), (100, 130, 100), (100, 100, 100), state_bytes=10)
    assert scattered.noise == pytest.approx(6**0.5)


def test_a_control_of_its_own_takes_out_what_both_have():
    drifting = ProcessMemory(EXACT.n, (130, 170, 210), (110, 130, 150), state_bytes=10)
    assert drifting.slope == pytest.approx(EXACT.slope)
