"""Runs of versions whose checks had other ids are compared by the current ones."""

from __future__ import annotations

from sample_runs import card

from nodecheck.report.changes import Change, compare
from nodecheck.report.former_ids import with_current_ids
from nodecheck.results import Outcome, Result, Run, Status, at_most

BAD = (at_most("error", 2.0, 1.0),)
ALIASES = {"old": ("new",), "old-reverse": ("order:*_reversed",)}


def named(check, problem="p", **changes):
    passed = {"outcome": Outcome.MEASURED, "measurements": (at_most("error", 0.5, 1.0),)}
    return Result("mine", check, problem, title="It holds", **{**passed, **changes})


def run_of(results):
    return Run(tuple(results), layers=(card("mine"),))


def translated(before, after):
    return with_current_ids(run_of(before), run_of(after), ALIASES)


def test_a_run_without_former_ids_is_returned_as_it_is():
    before = run_of([named("new")])
    assert with_current_ids(before, before, ALIASES) is before


def test_a_result_of_a_merged_check_has_the_id_of_its_successor():
    found = translated([named("old")], [named("new")])
    assert [r.id for r in found.results] == ["mine:new:p"]


def test_of_two_results_that_become_one_the_failed_one_stands():
    found = translated([named("new"), named("old", measurements=BAD)], [named("new")])
    assert [r.status for r in found.results] == [Status.FAILED]


def test_a_pattern_names_the_problems_that_are_meant():
    after = [named("order"), named("order", "p_reversed")]
    found = translated([named("order"), named("old-reverse", "q", measurements=BAD)], after)
    assert {r.id: r.status for r in found.results} == {
        "mine:order:p": Status.PASSED,
        "mine:order:p_reversed": Status.FAILED,
    }


def test_a_former_check_that_is_no_longer_asked_is_no_loss():
    before, after = [named("new"), named("old-reverse")], [named("new")]
    assert compare(translated(before, after), run_of(after)).differences == ()


def test_a_failure_of_a_former_check_that_remains_is_still_failing():
    after = [named("new", measurements=BAD)]
    changes = compare(translated([named("old", measurements=BAD)], after), run_of(after))
    assert [d.change for d in changes.differences] == [Change.STILL]


def test_a_skipped_successor_keeps_the_status_of_the_former_result():
    skipped = [named("new", outcome=Outcome.SKIPPED, measurements=(), reason="not asked")]
    assert isinstance(translated([named("old")], skipped), Run)
    assert [r.status for r in translated([named("old")], skipped).results] == [Status.PASSED]
