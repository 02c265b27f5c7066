"""Ids of checks that were given up lead to what those checks are now."""

from __future__ import annotations

import fnmatch

import pytest

from nodecheck.checks import ALIASES, CHECKS

BY_ID = {check.id: check for check in CHECKS}
TARGETS = sorted({target for targets in ALIASES.values() for target in targets})


def test_an_id_that_was_given_up_is_no_id_of_a_check():
    assert not set(ALIASES) & set(BY_ID)


@pytest.mark.parametrize("target", TARGETS)
def test_an_alias_leads_to_a_check_that_there_is(target):
    assert target.partition(":")[0] in BY_ID


@pytest.mark.parametrize("target", [target for target in TARGETS if ":" in target])
def test_a_pattern_of_an_alias_fits_a_problem_of_the_check(target):
    check, _, pattern = target.partition(":")
    problems = (*BY_ID[check].problems, *(problem for _, problem in BY_ID[check].more))
    assert fnmatch.filter([problem.name for problem in problems], pattern)
