"""Where a layer is right with some numbers of steps, its coefficients are not what is wrong."""

from __future__ import annotations

from nodecheck.diagnosis.step_count import explain_onset, explain_which

LEVELS = (8, 16, 32, 64)


def test_an_error_that_shrinks_never_jumps():
    assert explain_onset(lambda n: n**-4.0, LEVELS) == ""


def test_an_error_that_stays_never_jumps():
    assert explain_onset({8: 0.3, 16: 0.31, 32: 0.3, 64: 0.3}.__getitem__, LEVELS) == ""


def test_an_error_that_grows_step_by_step_begins_nowhere():
    assert explain_onset(lambda n: 1.1**n, LEVELS) == ""


def test_the_first_wrong_number_of_steps_is_found_between_two_levels():
    text = explain_onset(lambda n: n**-4.0 if n <= 50 else 0.1, LEVELS)
    assert text.startswith("At 50 steps the error is 1.6e-07, at 51 steps 0.1, at 64 steps 0.1:")
    assert "depends on the number of steps" in text


def test_an_odd_number_is_named_where_all_odd_numbers_are_wrong_and_no_even_one():
    text = explain_which(lambda n: n % 2 == 1, 7)
    assert text == (
        "Right with 6, 8, 14 and 28 steps, wrong with 5, 7 and 9: an odd number of steps is treated apart."
    )


def test_prime_numbers_are_not_called_odd():
    text = explain_which(lambda n: n in (5, 7, 11, 13), 7)
    assert "odd" not in text
    assert "wrong with 5 and 7: what is wrong depends on the number of steps" in text


def test_large_steps_are_named():
    assert "depends on the size of the step" in explain_which(lambda n: n < 10, 7)


def test_nothing_is_said_where_every_number_is_wrong():
    assert explain_which(lambda n: n > 0, 7) == ""
