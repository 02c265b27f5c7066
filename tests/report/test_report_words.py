# ruff: noqa: E501
"""The verdicts and numbers that the terminal and the page have in common."""

from __future__ import annotations

import importlib
import io
import math
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console
from sample_runs import CHECKS, card, realistic_run, replaced, result, right_results, run_of, wrong_results

from nodecheck.report import terminal, words
from nodecheck.report.anchors import anchor
from nodecheck.report.numbers import clean, duration, moment, number, sentence, shorten, span
from nodecheck.report.run_verdict import run_verdict, totals
from nodecheck.results import NOT_REACHED, Outcome, Result, at_least, at_most


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.98, "3.98"), (3.999, "4.00"), (0.0123, "0.0123"), (1.234e-13, "1.2e-13"), (123.4, "123"), (0.0, "0"),
        (16.0, "16"), (-0.5, "−0.500"), (1e300, "1.0e300"), (math.nan, "not a number"), (math.inf, "infinity"),
        (-math.inf, "−infinity"), (9.9999e-4, "0.00100"), (99999.9, "1.0e5"), (5e-324, "4.9e-324"),
    ],
)  # fmt: skip
def test_a_number_has_three_significant_digits(value, text):
    assert number(value) == text


def test_a_measurement_is_told_as_value_and_bound():
    assert sentence(at_least("order", 3.98, 3.5)) == "value 3.98, bound at least 3.5"


def test_a_bound_keeps_its_unit():
    assert sentence(at_most("growth", 4.2, 1.0, "states")) == "value 4.20 states, bound at most 1 states"


def test_an_infinite_bound_is_told():
    assert sentence(at_most("error", 0.5, math.inf)) == "value 0.500, bound at most infinity"


@pytest.mark.parametrize(("seconds", "text"), [(0.021, "21 ms"), (31.42, "31.4 s"), (125.0, "2 min 5 s")])
def test_a_duration_is_told_in_its_own_unit(seconds, text):
    assert duration(seconds) == text


def test_a_moment_loses_its_fraction():
    assert moment("2025-03-04T09:12:44.123456+00:00") == "2025-03-04 09:12:44 UTC"


def test_facts_of_several_problems_become_a_range():
    assert span(["4.01", "3.98", "4.00"]) == "3.98 to 4.01"


def test_facts_that_are_words_become_a_list():
    assert span(["constant", "linear", "constant"]) == "constant, linear"


def test_control_characters_are_replaced():
    assert clean("a\x1b[31mb\x00\u202ec\ud800") == "a\ufffd[31mb\ufffd\ufffdc\ufffd"


def test_a_long_name_keeps_both_its_ends():
    assert shorten("start" + "x" * 10_000 + "end", 40).endswith("end")
    assert shorten("start" + "x" * 10_000 + "end", 40).startswith("start")
    assert len(shorten("x" * 10_000, 40)) == 40


def test_a_right_layer_is_told_with_its_order_and_class():
    run = run_of(right_results("mine"), [card("mine")])
    expected = "right: verified, forward order 4.00 (claimed 4), gradient discretely consistent"
    assert words.verdict(run, "mine").text == expected


def test_a_wrong_layer_is_told_with_its_first_fault_and_what_failed():
    assert words.verdict(realistic_run(), "blog layer").text == (
        "wrong: The layer integrates over 1.0667, not 1: about +1.1 steps of 1/16; 2 more faults; "
        "2 checks failed (5 results) and 1 check ended in an error"
    )


def through_a_wrong_adapter(outcome=Outcome.MEASURED):
    first = Result(
        "mine",
        "adapter",
        "",
        outcome,
        "Layer cannot be reached",
        measurements=(at_most("mistakes", 1.0, 0.0),),
    )
    return run_of(
        [first, result("mine", "constant-field", outcome=Outcome.SKIPPED, measurements=(), reason="why")]
    )


def test_a_layer_behind_a_wrong_adapter_is_not_called_wrong():
    assert (
        words.verdict(through_a_wrong_adapter(), "mine").text
        == "not judged: its adapter has to be repaired first"
    )
    assert run_verdict(through_a_wrong_adapter()) == "The layer is not judged"


def test_a_layer_that_hangs_at_once_could_not_run():
    assert words.verdict(through_a_wrong_adapter(Outcome.ERROR), "mine").word is words.Word.COULD_NOT_RUN


def test_expected_failures_are_set_apart():
    assert words.verdict(realistic_run(), "torchdiffeq:rk4").text.startswith(
        "known faults: 1 check failed as expected, the rest is verified,"
    )


def test_an_expectation_that_no_longer_fails_is_told():
    assert words.verdict(realistic_run(), "dopri5").word is words.Word.OUTDATED


def test_an_undecided_layer_is_not_verified():
    text = words.verdict(realistic_run(), "mine-float32").text
    assert text == "NOT VERIFIED: 8 of 24 results inconclusive; 67 % passed, 95 % needed"


def test_expected_failures_do_not_hide_that_the_rest_was_undecided():
    undecided = [
        result("m", c, outcome=Outcome.INCONCLUSIVE, measurements=()) for c in ("peak-memory", "saved-states")
    ]
    known = result("m", "constant-field", expected="known", measurements=(at_most("e", 1.0, 0.0),))
    assert words.verdict(run_of([known, *undecided]), "m").word is words.Word.UNVERIFIED


def test_a_layer_of_which_all_that_was_run_failed_as_expected_has_known_faults():
    known = result("m", "constant-field", expected="known", measurements=(at_most("e", 1.0, 0.0),))
    verdict = words.verdict(run_of([known], [card("m")], checks=PROFILE), "m")
    assert verdict.word is words.Word.KNOWN_FAULTS
    assert verdict.text == "known faults: 1 check failed as expected; 12 other checks not run"


def unreached(check, problem=""):
    return result("m", check, problem, outcome=Outcome.INCONCLUSIVE, measurements=(), reason=NOT_REACHED)


def test_a_layer_that_an_interrupted_run_never_started_is_told_as_not_run():
    run = run_of([unreached(check) for check, *_ in CHECKS])
    text = "NOT VERIFIED: not run, because the run was interrupted before it"
    assert words.verdict(run, "m").text == text


def test_a_layer_that_was_interrupted_tells_what_passed_and_what_was_not_reached():
    undecided = result("m", "saved-states", outcome=Outcome.INCONCLUSIVE, measurements=())
    others = [unreached("peak-memory"), unreached("every-parameter")]
    run = run_of([result("m", "constant-field"), undecided, *others])
    text = "NOT VERIFIED: the run was interrupted before 2 of 4 results; 1 passed, 1 inconclusive"
    assert words.verdict(run, "m").text == text


def test_a_layer_that_was_interrupted_near_its_end_is_not_called_verified():
    results = replaced(right_results("m"), unreached("peak-memory"))
    verdict = words.verdict(run_of(results, [card("m")]), "m")
    assert verdict.word is words.Word.PARTLY_CHECKED
    told = "partly checked: 11 checks passed, interrupted before 1 result, forward order 4.00"
    assert verdict.text.startswith(told)


def test_known_faults_of_a_layer_that_was_interrupted_do_not_call_the_rest_verified():
    known = result("m", "constant-field", expected="known", measurements=(at_most("e", 1.0, 0.0),))
    results = replaced(right_results("m"), known, unreached("peak-memory"))
    text = words.verdict(run_of(results, [card("m")]), "m").text
    assert text.startswith("known faults: 1 check failed as expected, the rest passed")


def test_a_layer_of_which_all_was_skipped_is_not_verified_and_says_why():
    run = run_of(
        [result("m", "peak-memory", outcome=Outcome.SKIPPED, measurements=(), reason="torchode is missing")]
    )
    assert words.verdict(run, "m").text == "NOT VERIFIED: nothing was decided (torchode is missing)"


def test_an_error_is_not_told_as_if_its_title_had_been_decided():
    bad = result("m", "every-parameter", outcome=Outcome.ERROR, measurements=())
    text = words.verdict(run_of(replaced(right_results("m"), bad)), "m").text
    assert text.startswith("could not run in 1 check, first: every-parameter ended in an error")


def test_an_error_is_told_with_what_was_raised():
    bad = result("m", "every-parameter", outcome=Outcome.ERROR, measurements=(), reason="TypeError: no.")
    text = words.verdict(run_of(replaced(right_results("m"), bad)), "m").text
    assert text == "could not run in 1 check, first: TypeError: no (in every-parameter); 11 checks passed"


def no_device():
    """Return the run of a layer that raises at once: everything that follows is skipped."""
    reason = "AssertionError: Torch not compiled with CUDA enabled"
    first = result("m", "constant-field", outcome=Outcome.ERROR, measurements=(), reason=reason)
    rest = [
        result("m", check, outcome=Outcome.SKIPPED, measurements=(), reason="means nothing")
        for check, *_ in CHECKS[1:]
    ]
    return run_of([first, *rest], [card("m")])


def test_a_layer_without_its_device_could_not_run_and_is_not_wrong():
    verdict = words.verdict(no_device(), "m")
    reason = "AssertionError: Torch not compiled with CUDA enabled (in constant-field)"
    assert verdict.text == verdict.clause == f"could not run: {reason}"
    assert run_verdict(no_device()) == "The layer could not run"


def test_a_layer_that_fails_one_check_and_cannot_run_another_is_wrong():
    bad = result("m", "every-parameter", outcome=Outcome.ERROR, measurements=())
    failed = result("m", "constant-field", measurements=(at_most("e", 1.0, 0.0),))
    assert words.verdict(run_of([bad, failed]), "m").word is words.Word.WRONG


def test_one_error_among_checks_that_passed_is_headlined_with_its_extent():
    bad = result("m", "every-parameter", outcome=Outcome.ERROR, measurements=())
    run = run_of(replaced(right_results("m"), bad))
    assert run_verdict(run) == "The layer could not run in 1 check"


TOLD = (
    "1 of 5 layers is wrong, 1 has outdated expectations, 1 is not verified, 1 has known faults, 1 is right"
)


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (realistic_run(), TOLD),
        (run_of(right_results("m")), "The layer is right"),
        (run_of([*right_results("a"), *right_results("b")]), "Both layers are right"),
        (
            run_of([*wrong_results("a"), *wrong_results("b")]),
            "Both layers are wrong",
        ),
        (
            run_of([r for name in "abc" for r in (wrong_results if name == "c" else right_results)(name)]),
            "1 of 3 layers is wrong, 2 are right",
        ),
        (run_of([]), "Nothing was run"),
        (run_of([], load_errors={"x.py:Y": "ModuleNotFoundError"}), "No layer could be loaded"),
    ],
)
def test_the_run_is_told_in_one_phrase(run, text):
    assert run_verdict(run) == text


PROFILE = dict.fromkeys((c for c, *_ in CHECKS), "all") | {"three": "all", "tolerance": "adaptive"}


def partial(*names, results=right_results):
    """Return a run without the check "three" of its profile; "tolerance" is not asked of these layers."""
    return run_of([r for n in names for r in results(n)], map(card, names), checks=PROFILE)


def test_a_layer_of_which_checks_were_left_out_is_not_called_verified():
    verdict = words.verdict(partial("m"), "m")
    assert verdict.word is words.Word.PARTLY_CHECKED
    assert verdict.text.startswith("partly checked: 12 checks passed, 1 other not run, forward order 4.00")


def test_a_run_that_measures_memory_alone_tells_the_law():
    laws = {"memory law": "O(1): 16 states at the peak"}
    found = [replace(result(name, "peak-memory", facts=laws), check="memory-law") for name in "ab"]
    run = run_of(found, map(card, "ab"), checks=PROFILE)
    assert words.verdict(run, "a").text == "within its memory claim, O(1): 16 states at the peak"
    assert run_verdict(run) == "Both layers are within their memory claims"


def memory_alone(claims):
    """Return a run of `nodecheck memory` over layers with these claims."""
    laws = {"memory law": "O(n): 4 states per step"}
    found = [replace(result(name, "peak-memory", facts=laws), check="memory-law") for name in sorted(claims)]
    return run_of(found, [card(name, memory=claims[name]) for name in sorted(claims)], checks=PROFILE)


def test_only_layers_that_claim_a_law_are_within_their_claim():
    run = memory_alone({"a": "linear", **dict.fromkeys("bcdef")})
    assert run_verdict(run) == "1 of 6 layers is within its memory claim, 5 have no memory claim"


def test_a_layer_without_a_memory_claim_is_told_with_its_law_alone():
    verdict = words.verdict(memory_alone({"a": None}), "a")
    assert verdict.clause == "has no memory claim, O(n): 4 states per step"
    assert run_verdict(memory_alone({"a": None})) == "The layer has no memory claim"


def test_several_layers_without_a_memory_claim_are_told_together():
    assert run_verdict(memory_alone({"a": None, "b": None})) == "Both layers have no memory claim"


def test_a_layer_that_was_asked_all_that_is_asked_of_its_kind_is_verified():
    run = run_of(right_results("m"), [card("m")], checks={k: v for k, v in PROFILE.items() if k != "three"})
    assert words.verdict(run, "m").word is words.Word.RIGHT


def test_a_partial_run_tells_what_is_undecided():
    undecided = result("m", "peak-memory", outcome=Outcome.INCONCLUSIVE, measurements=())
    run = partial("m", results=lambda name: replaced(right_results(name), undecided))
    assert "11 checks passed (1 result inconclusive), 1 other not run" in words.verdict(run, "m").text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"measurements": (at_most("e", 1.0, 0.0),)}, "wrong: Constant field is not"),
        ({"measurements": (at_most("e", 1.0, 0.0),), "expected": "x"}, "known faults: 1 check failed as"),
        ({"expected": "x"}, "expectations out of date: 1 check passed"),
    ],
)
def test_no_verdict_of_a_partial_run_says_verified_or_hides_what_was_left_out(changes, text):
    changed = result("m", "constant-field", **changes)
    verdict = words.verdict(partial("m", results=lambda name: replaced(right_results(name), changed)), "m")
    assert verdict.text.startswith(text)
    assert verdict.text.endswith("; 1 other check not run")
    assert "verified" not in verdict.text


def test_an_undecided_layer_of_a_partial_run_says_what_was_left_out():
    run = run_of(
        [result("m", "peak-memory", outcome=Outcome.INCONCLUSIVE, measurements=())],
        [card("m")],
        checks=PROFILE,
    )
    assert words.verdict(run, "m").text.endswith("95 % needed; 12 other checks not run")


def test_a_partial_run_is_told_in_one_phrase():
    assert run_verdict(partial("m")) == "The layer is partly checked"
    assert run_verdict(partial("a", "b")) == "Both layers are partly checked"


def test_right_and_partly_checked_layers_are_told_apart():
    full = [*right_results("a"), result("a", "peak-memory", problem="three")]
    run = run_of([*full, *right_results("b")[1:]], [card("a"), card("b")], checks={"constant-field": "all"})
    assert run_verdict(run) == "1 of 2 layers is partly checked, 1 is right"


def test_layers_that_are_not_verified_are_named_before_those_that_are_right():
    open_ = [result("c", "peak-memory", outcome=Outcome.INCONCLUSIVE, measurements=())]
    run = run_of([*right_results("a"), *right_results("b"), *open_])
    assert run_verdict(run) == "1 of 3 layers is not verified, 2 are right"
    assert run.exit_code() == 0


FINAL = {"scope": "final state (float64, CPU)"}
ONLY = {"scope": "final state only (float64, CPU)", "not looked at": "states at 16 other times"}


def with_scope(facts, **changes):
    """Return the run of a right layer whose first check tells what was looked at."""
    first = result("m", "constant-field", facts=facts, **changes)
    return run_of(replaced(right_results("m"), first), [card("m")])


def test_a_right_layer_is_told_with_the_scope_of_what_was_looked_at():
    text = words.verdict(with_scope(FINAL), "m").text
    assert text.startswith("right: verified for the final state (float64, CPU), forward order 4.00")


def test_times_are_named_in_the_scope_where_they_were_looked_at():
    facts = FINAL | {"also looked at": "gradients with respect to times"}
    text = words.verdict(with_scope(facts), "m").text
    assert "for the final state (float64, CPU), gradients with respect to times, forward order" in text


def test_a_layer_that_returns_more_than_was_looked_at_is_not_called_right():
    verdict = words.verdict(with_scope(ONLY), "m")
    also = "the layer also returns states at 16 other times"
    told = f"partly checked: final state only (float64, CPU); {also}; 12 checks passed, forward order 4.00"
    assert verdict.text.startswith(told)
    assert run_verdict(with_scope(ONLY)) == "The layer is partly checked"


def test_known_faults_of_a_layer_that_returns_more_do_not_call_the_rest_verified():
    run = with_scope(ONLY, expected="known", measurements=(at_most("e", 1.0, 0.0),))
    text = words.verdict(run, "m").text
    assert text.startswith("known faults: 1 check failed as expected, the rest passed")
    assert text.endswith("; final state only (float64, CPU); the layer also returns states at 16 other times")


@pytest.mark.parametrize("report", ["html", "terminal", "markdown", "junit"])
def test_every_report_tells_what_was_not_looked_at_in_the_verdict(report):
    told = (
        "final state only (float64, CPU); the layer also returns states at 16 other times; 12 checks passed"
    )
    assert told in rendered(report, with_scope(ONLY))


def rendered(report, run):
    if report != "terminal":
        return importlib.import_module(f"nodecheck.report.{report}").render(run)
    console = Console(width=1000, record=True, file=io.StringIO())
    terminal.render(run, console)
    return console.export_text()


def test_totals_tell_the_worst_first():
    assert totals(realistic_run()).startswith("5 failed, 1 error, 1 passed unexpectedly, 8 inconclusive")


def test_a_plain_result_id_is_its_own_anchor():
    assert anchor("mine:gradient-order:rotation") == "mine:gradient-order:rotation"


def test_an_anchor_contains_nothing_that_ends_an_attribute():
    assert set(anchor("<script>\"' é" * 1000)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_different_names_have_different_anchors():
    assert anchor("a b") != anchor("a  b")


@pytest.mark.parametrize("module", ["html", "terminal", "words"])
def test_the_report_imports_neither_torch_nor_jax(module):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import sample_runs; from nodecheck.report import html, terminal;"
        "html.render(sample_runs.realistic_run());"
        "assert not {'torch', 'jax', 'scipy', 'matplotlib'} & set(sys.modules)"
        if module == "html"
        else f"import sys; import nodecheck.report.{module};"
        "assert not {'torch', 'jax', 'numpy', 'scipy', 'matplotlib', 'jinja2', 'pydantic'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(_HERE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


_HERE = __file__.rpartition("/")[0]


@pytest.mark.parametrize(("memory", "told"), [("sqrt", True), (None, False)])
def test_a_memory_claim_that_was_not_decided_is_told_with_the_verdict(memory, told):
    many = [result("m", "constant-field", problem=f"p{k}") for k in range(40)]
    open_ = Result("m", "memory-law", "", Outcome.INCONCLUSIVE, "Memory grows as claimed")
    verdict = words.verdict(run_of([*many, open_], [replace(card("m"), memory=memory)]), "m")
    assert verdict.text.startswith("right: verified")
    assert ("its memory claim (sqrt) not decided" in verdict.text) is told
