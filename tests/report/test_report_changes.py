"""What changed between two runs."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from rich.console import Console
from sample_runs import CHECKS, card, realistic_run, result, right_results, run_of, wrong_results

from nodecheck.report.changes import Change, compare
from nodecheck.report.changes_text import markdown, print_changes, verdict
from nodecheck.report.metric_changes import is_worse
from nodecheck.results import Metric, Outcome, Status, at_most, from_json, to_json

BAD = (at_most("error of y1", 0.0667, 5.7e-14),)


def one(**changes):
    """Return a run of a single result."""
    return run_of([result("mine", "constant-field", **changes)])


PASSED, FAILED, XPASSED = one(), one(measurements=BAD), one(expected="known")
ERROR = one(outcome=Outcome.ERROR, measurements=(), reason="ValueError: no")
XFAILED = one(measurements=BAD, expected="known")
INCONCLUSIVE = one(outcome=Outcome.INCONCLUSIVE, measurements=(), reason="not asymptotic")
SKIPPED = one(outcome=Outcome.SKIPPED, measurements=(), reason="No CUDA device.")
NOTHING = run_of([])


def kinds(before, after):
    return [d.change for d in compare(before, after).differences]


def metric(quantity, value):
    return one(metrics=(Metric("a number", value, quantity),))


@pytest.mark.parametrize("run", [realistic_run(), NOTHING], ids=["realistic", "empty"])
def test_a_run_and_itself_differ_in_nothing_but_what_still_fails(run):
    assert set(kinds(run, run)) <= {Change.STILL}
    assert not compare(run, run).regressed


def test_a_run_and_itself_after_json_differ_in_nothing():
    run = run_of(right_results("mine"))
    assert compare(run, from_json(to_json(run))).differences == ()


TURNS = [
    (PASSED, FAILED, Change.BROKEN, True),
    (PASSED, ERROR, Change.BROKEN, True),
    (NOTHING, FAILED, Change.BROKEN, True),
    (INCONCLUSIVE, FAILED, Change.BROKEN, True),
    (XFAILED, FAILED, Change.BROKEN, True),
    (FAILED, FAILED, Change.STILL, False),
    (FAILED, ERROR, Change.STILL, False),
    (FAILED, PASSED, Change.FIXED, False),
    (ERROR, PASSED, Change.FIXED, False),
    (XFAILED, XPASSED, Change.FIXED, False),
    (XFAILED, PASSED, Change.FIXED, False),
    (PASSED, XFAILED, Change.EXPECTED, False),
    (FAILED, XFAILED, Change.EXPECTED, False),
    (PASSED, INCONCLUSIVE, Change.LOST, True),
    (PASSED, SKIPPED, Change.LOST, True),
    (FAILED, SKIPPED, Change.LOST, True),
    (PASSED, NOTHING, Change.LOST, True),
]


@pytest.mark.parametrize(("before", "after", "change", "regressed"), TURNS)
def test_two_verdicts_make_one_change(before, after, change, regressed):
    assert kinds(before, after) == [change]
    assert compare(before, after).regressed is regressed


@pytest.mark.parametrize(
    "pair", [(PASSED, PASSED), (PASSED, XPASSED), (SKIPPED, PASSED), (SKIPPED, NOTHING), (NOTHING, PASSED)]
)
def test_other_verdicts_make_none(pair):
    assert kinds(*pair) == []


@pytest.mark.parametrize(
    ("quantity", "before", "after", "worse"),
    [
        ("order", 4.0, 3.71, False),
        ("order", 4.0, 3.69, True),
        ("order", 4.0, 5.0, False),
        ("error", 1e-8, 1.9e-8, False),
        ("error", 1e-8, 2.1e-8, True),
        ("error", 1e-8, 1e-9, False),
        ("states", 100.0, 100.9, False),
        ("states", 100.0, 101.1, True),
        ("states", 0.0, 1e-16, False),
        ("states", 0.0, 0.02, True),
        ("evaluations", 4.0, 4.0, False),
        ("evaluations", 1.0 / 3.0, 1.0 - 2.0 / 3.0, False),
        ("evaluations", 256.0, 257.0, True),
        ("evaluations", 4.0, 3.0, False),
        ("of the future", 0.0, 1e9, False),
        *((q, 1.0, math.nan, True) for q in ("order", "error", "states", "evaluations")),
        *((q, math.nan, 1.0, False) for q in ("order", "error", "states", "evaluations")),
        ("error", 1.0, math.inf, True),
        ("error", math.inf, math.inf, False),
    ],
)
def test_a_number_is_worse_beyond_its_limit(quantity, before, after, worse):
    assert is_worse(quantity, before, after) is worse
    changes = compare(metric(quantity, before), metric(quantity, after))
    assert (Change.WORSE in {d.change for d in changes.differences}) is worse
    assert changes.regressed is worse


def test_a_number_that_got_better_is_told_and_no_regression():
    changes = compare(metric("evaluations", 8.0), metric("evaluations", 4.0))
    assert [d.change for d in changes.differences] == [Change.BETTER]
    assert not changes.regressed


def test_a_number_that_got_worse_is_told_with_both_values():
    (difference,) = compare(metric("error", 1e-8), metric("error", 4e-8)).differences
    assert difference.text == "a number rose from 1.0e-8 to 4.0e-8 (× 4)"


def test_numbers_are_compared_by_name():
    other = one(metrics=(Metric("another", 9.0, "evaluations"),))
    assert compare(metric("evaluations", 4.0), other).numbers == 0


@pytest.mark.parametrize(
    ("quantity", "compared"), [("order", 0), ("error", 0), ("states", 1), ("evaluations", 1)]
)
def test_with_another_seed_only_counts_are_compared(quantity, compared):
    other = one(metrics=(Metric("a number", 4.0, quantity),), seed=8)
    assert compare(metric(quantity, 4.0), other).numbers == compared


def test_a_failure_is_not_told_again_by_its_numbers():
    worse_too = one(measurements=BAD, metrics=(Metric("a number", 9.0, "error"),))
    assert kinds(metric("error", 1.0), worse_too) == [Change.BROKEN]


def test_a_layer_that_is_gone_is_told_once():
    before = run_of([*right_results("mine"), *right_results("theirs")])
    (difference,) = compare(before, run_of(right_results("mine"))).differences
    assert (difference.layer, difference.check) == ("theirs", "")


def test_a_check_that_is_gone_is_told_once():
    after = run_of([r for r in right_results("mine") if r.check != "gradient-order"])
    (difference,) = compare(run_of(right_results("mine")), after).differences
    assert (difference.layer, difference.check) == ("", "gradient-order")


@pytest.mark.parametrize("changed", [{"profile": "smoke"}, {"nodecheck_version": "0.2.0"}])
def test_what_is_gone_does_not_count_where_profile_or_version_differ(changed):
    changes = compare(PASSED, replace(NOTHING, **changed))
    assert [d.change for d in changes.differences] == [Change.LOST]
    assert not changes.regressed


PROFILE = dict.fromkeys((check for check, *_ in CHECKS), "all")
WHOLE = run_of([*right_results("a"), *right_results("b")], [card("a"), card("b")], checks=PROFILE)


def without(run, *checks, layers=("a", "b")):
    """Return the run as if some checks of some layers had been left out of it."""
    kept = [r for r in run.results if r.check not in checks or r.layer not in layers]
    return replace(run, results=tuple(kept))


def test_what_a_later_run_left_out_is_a_note_and_no_regression():
    changes = compare(WHOLE, without(WHOLE, "constant-field", "gradient-order"))
    note = "the later run left out 2 checks that the earlier one has: constant-field, gradient-order"
    assert note in changes.notes
    assert changes.differences == ()
    assert not changes.regressed


def test_a_note_names_a_few_of_many_checks_that_were_left_out():
    later = without(WHOLE, *(check for check in PROFILE if check != "constant-field"))
    (note,) = (n for n in compare(WHOLE, later).notes if "left out 11 checks" in n)
    assert note.endswith("and 5 more")


def test_a_check_that_was_left_out_of_one_layer_is_compared_on_the_other():
    broken = run_of([*right_results("a"), *wrong_results("b")], [card("a"), card("b")], checks=PROFILE)
    changes = compare(WHOLE, without(broken, "constant-field", layers=("a",)))
    assert ("b", "constant-field") in {(d.layer, d.check) for d in changes.of(Change.BROKEN)}
    assert changes.of(Change.LOST) == ()


def test_a_single_problem_that_is_gone_was_not_left_out():
    gone = "a:gradient-order:rotation"
    later = replace(WHOLE, results=tuple(r for r in WHOLE.results if r.id != gone))
    changes = compare(WHOLE, later)
    assert [d.change for d in changes.differences] == [Change.LOST]
    assert changes.regressed


def test_a_layer_without_a_result_for_which_nothing_was_left_out_is_still_missed():
    later = run_of(right_results("a"), [card("a")], checks=PROFILE)
    assert kinds(WHOLE, later) == [Change.LOST]


def test_what_fails_and_was_not_run_before_is_told_apart_and_a_regression():
    failing = [replace(r, measurements=BAD) if r.check == "constant-field" else r for r in WHOLE.results]
    changes = compare(without(WHOLE, "constant-field"), replace(WHOLE, results=tuple(failing)))
    assert [d.change for d in changes.differences] == [Change.UNTRIED] * 2
    assert changes.differences[0].text.startswith("not run before, now failed: ")
    assert changes.regressed
    assert "Failing (not run before)" in printed(changes)


def test_what_passes_and_was_not_run_before_is_a_note_only():
    changes = compare(without(WHOLE, "constant-field"), WHOLE)
    assert "the earlier run left out 1 check that the later one has: constant-field" in changes.notes
    assert changes.differences == ()


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({"profile": "smoke"}, "the profile was ci, is smoke"),
        ({"seed": 8}, "the seed was 7, is 8: orders and errors are not compared"),
        ({"nodecheck_version": "0.2.0"}, "nodecheck was 0.1.0, is 0.2.0"),
        ({"environment": {}}, "torch was 2.13.0, is none"),
    ],
)
def test_runs_that_differ_in_more_than_results_say_so(changed, note):
    assert note in compare(PASSED, replace(PASSED, **changed)).notes


def test_a_run_without_numbers_says_so():
    assert any("holds no numbers" in note for note in compare(metric("order", 4.0), PASSED).notes)


def test_a_target_that_can_no_longer_be_loaded_is_a_regression():
    changes = compare(PASSED, replace(PASSED, load_errors={"x.py:L": "SyntaxError"}))
    assert [d.change for d in changes.differences] == [Change.BROKEN]
    assert changes.regressed


def test_a_target_that_never_could_be_loaded_still_cannot():
    run = replace(PASSED, load_errors={"x.py:L": "SyntaxError"})
    assert kinds(run, run) == [Change.STILL]


@pytest.mark.parametrize("target", ["x.py:L", "x.py:L::rk4*"])
def test_a_target_that_can_be_loaded_again_is_told(target):
    before = replace(PASSED, load_errors={"x.py:L": "SyntaxError"})
    assert kinds(before, replace(PASSED, targets=(target,))) == [Change.FIXED]


BEFORE = run_of([*right_results("mine"), *wrong_results("theirs")], [card("mine"), card("theirs")])
AFTER = run_of([*wrong_results("mine"), *right_results("theirs")], [card("mine"), card("theirs")])


def printed(changes, width=80, encoding="utf-8"):
    buffer = io.BytesIO()
    file = io.TextIOWrapper(buffer, encoding=encoding)
    print_changes(changes, Console(file=file, width=width))
    file.flush()
    return buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_window(width):
    assert max(map(len, printed(compare(BEFORE, AFTER), width).splitlines())) <= width


def test_what_broke_is_printed_before_what_was_fixed_and_the_verdict_last():
    text = printed(compare(BEFORE, AFTER))
    assert text.index("Newly failing") < text.index("Fixed") < text.index("Regression: 6 newly failing")


def test_what_was_fixed_is_printed_before_what_got_worse_and_what_still_fails():
    both = []
    for run, error in ((BEFORE, 1e-8), (AFTER, 4e-8)):
        numbers = replace(metric("error", error).results[0], layer="another")
        both.append(replace(run, results=(*run.results, numbers), load_errors={"x.py:L": "SyntaxError"}))
    places = [printed(compare(*both)).index(text) for text in ("Fixed", "Worse, though", "Still failing")]
    assert places == sorted(places)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_what_still_fails_has_a_line_for_each_check(width, encoding):
    run = run_of(wrong_results("mine"))
    lines = printed(compare(run, run), width, encoding).splitlines()
    first = lines.index("Still failing") + 1
    told = lines[first : lines.index("", first)]
    wrong = dict.fromkeys(r.check for r in run.results if r.status in (Status.FAILED, Status.ERROR))
    assert [line.split()[2].rstrip(":") for line in told] == list(wrong)
    assert max(map(len, told)) <= width


def test_a_line_of_what_still_fails_names_the_failure_and_not_its_numbers():
    run = run_of(wrong_results("mine"))
    text = printed(compare(run, run), 200)
    assert "mine constant-field: Constant field is not integrated exactly\n" in text
    assert "0.0667" not in text


def test_what_broke_is_printed_with_number_and_diagnosis():
    text = " ".join(printed(compare(BEFORE, AFTER), 200).split())
    assert "mine constant-field: passed, now failed: Constant field is not integrated exactly." in text
    assert "value 0.0667, bound at most 5.7e-14. The layer integrates over 1.0667" in text


def test_what_is_said_of_several_layers_is_said_once():
    before = run_of([r for name in ("a", "b", "c") for r in right_results(name)])
    after = run_of([r for r in before.results if r.layer == "a" or r.check != "constant-field"])
    changes = compare(before, after)
    assert "? b and 1 other layer: constant-field: 1 result is not in the later run" in " ".join(
        printed(changes).split()
    )
    assert "`b`, `c` `constant-field`" in markdown(changes)


def test_layers_that_are_gone_are_told_in_one_line():
    before = run_of([r for name in ("a", "b", "c") for r in right_results(name)])
    text = " ".join(printed(compare(before, run_of(right_results("a")))).split())
    assert "? b and 1 other layer: 24 results are not in the later run" in text


def test_a_console_that_cannot_show_a_tick_shows_words():
    assert "FAIL mine" in printed(compare(BEFORE, AFTER), encoding="ascii")


def test_no_name_reaches_the_terminal_as_a_control_character():
    name = "\x1b[31m[bold]\n"
    text = printed(compare(NOTHING, run_of([result(name, "constant-field", measurements=BAD)])))
    assert "\x1b" not in text
    assert "[bold]" in text


def test_markdown_says_the_same_as_the_terminal():
    changes = compare(BEFORE, AFTER)
    html = MarkdownIt("commonmark", {"html": True}).render(markdown(changes))
    assert verdict(changes) in BeautifulSoup(html, "html5lib").get_text()


def test_markdown_is_not_broken_by_a_name():
    name = "<script>`|</script>"
    changes = compare(NOTHING, run_of([result(name, "constant-field", measurements=BAD)]))
    html = BeautifulSoup(MarkdownIt("commonmark", {"html": True}).render(markdown(changes)), "html5lib")
    assert html.find("script") is None
    assert name in html.get_text()


def test_markdown_keeps_to_its_limit():
    assert len(markdown(compare(BEFORE, AFTER), limit=1000).encode()) <= 1000


def test_what_is_refused_with_an_error_where_it_was_wrong_is_fixed():
    wrong = run_of([result("m", "nothing-mutated", measurements=(at_most("e", 1.0, 0.0),))])
    refused = run_of(
        [result("m", "nothing-mutated", outcome=Outcome.UNSUPPORTED, measurements=(), reason="no")]
    )
    (difference,) = compare(wrong, refused).differences
    assert difference.change is Change.FIXED
