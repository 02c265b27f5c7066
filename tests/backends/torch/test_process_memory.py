"""The peak of a fresh process: what the operating system sees."""

from __future__ import annotations

import os

import pytest

from nodecheck.backends.torch.memory.process import ProcessMemory, peak_resident

MEBIBYTE = 2**20
EXACT = ProcessMemory((1.0, 2.0, 3.0), (120, 140, 160), (100, 100, 100), state_bytes=10)


def hold(mebibytes):
    """Fill so much memory."""
    return len(bytes([1]) * (mebibytes * MEBIBYTE))


@pytest.fixture(scope="module")
def peaks():
    return {size: peak_resident(hold, size) for size in (0, 200)}


def test_what_a_process_fills_is_in_its_peak(peaks):
    rise = (peaks[200][0] - peaks[0][0]) / MEBIBYTE
    assert rise == pytest.approx(200, abs=10)


def test_the_result_of_the_call_comes_back(peaks):
    assert peaks[200][1] == 200 * MEBIBYTE


def test_the_environment_of_this_process_stays_as_it_was(peaks):
    assert "MALLOC_MMAP_THRESHOLD_" not in os.environ


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
