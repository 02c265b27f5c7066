"""What a test says about a layer that does not pass."""

from __future__ import annotations

from nodecheck.frontends.pytest.text import failure
from nodecheck.results import Outcome, Result, at_most

LAST = "In the backward pass the field is evaluated at the wrong end of each step."


def failed(diagnosis, problem="rotation"):
    broken = (at_most("error", 1.0, 0.0),)
    return Result(
        "mine", "gradient", problem, Outcome.MEASURED, "t", measurements=broken, diagnosis=diagnosis
    )


def test_a_failure_carries_the_last_sentence_of_a_long_diagnosis():
    diagnosis = f"{'The gradient is off by a part of its size, and that part does not shrink. ' * 12}{LAST}"
    for problem in ("rotation", ""):
        assert LAST in failure([failed(diagnosis, problem)])


def test_a_diagnosis_beyond_all_measure_is_cut_at_a_word():
    text = failure([failed("abcdefg " * 1000)])
    assert "abcdefg…" in text
    assert len(text) < 2500


def test_a_diagnosis_without_a_blank_is_cut_too():
    assert len(failure([failed("x" * 100_000)])) < 2500


def test_a_diagnosis_with_one_early_blank_keeps_more_than_a_word():
    text = failure([failed(f"beginning {'x' * 100_000}")])
    assert 1500 < len(text) < 2500
