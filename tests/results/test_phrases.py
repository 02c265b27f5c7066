"""Numbers as words: counts agree with their nouns, and numbers that differ look different."""

from __future__ import annotations

import pytest

from nodecheck.results.phrases import apart, plural, verb


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), ("1", "1 step"), ("0.5", "0.5 steps")]
)
def test_a_noun_is_singular_for_one_and_plural_for_any_other_count(count, words):
    assert plural(count, "step") == words


@pytest.mark.parametrize(("count", "form"), [(0, "are"), (1, "is"), (3, "are")])
def test_a_verb_agrees_with_the_count_of_its_subject(count, form):
    assert verb(count, "is", "are") == form


def test_numbers_that_differ_are_written_with_digits_that_differ():
    assert apart((0.3, 1.7000001), (0.3, 1.7)) == ("0.3, 1.7000001", "0.3, 1.7")


def test_numbers_that_differ_plainly_get_no_more_digits_than_asked():
    assert apart([1.23456], [2.0]) == ("1.235", "2")


def test_neighbouring_floating_point_numbers_are_still_told_apart():
    found, expected = apart([1.7000000000000002], [1.7])
    assert found != expected


def test_equal_numbers_are_written_alike():
    found, expected = apart([1.7], [1.7])
    assert found == expected
