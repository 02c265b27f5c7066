"""The peak of a fresh process: what the operating system sees."""

from __future__ import annotations

import os

import pytest

from nodecheck.runner.resident_memory import peak_resident

MEBIBYTE = 2**20


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
