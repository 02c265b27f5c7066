"""A run as JUnit XML."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest
from sample_runs import card, large_run, realistic_run, result, right_results, run_of

from nodecheck.report.junit import render
from nodecheck.results import Metric, Outcome, Result, Run, Status, at_least, at_most

HOSTILE = "</testcase><script>&amp;]]>\"'\x00\x1b[31m\ud800\ufffe\n\t\u202e" + "💥" * 3
WORST = run_of(
    [
        result(HOSTILE, "constant-field", measurements=(at_most(HOSTILE, math.nan, 1.0),), diagnosis=HOSTILE),
        Result(HOSTILE, HOSTILE, HOSTILE, Outcome.ERROR, HOSTILE, reason=HOSTILE, reproducer=HOSTILE),
    ],
    load_errors={HOSTILE: HOSTILE},
    started=HOSTILE,
)
RUNS = {"realistic": realistic_run(), "large": large_run(3), "hostile": WORST, "empty": run_of([])}
RUNS["partial"] = run_of([result("m", "constant-field")], [card("m")], checks={"another": "all"})


def parsed(run: Run) -> ElementTree.Element:
    return ElementTree.fromstring(render(run).encode("utf-8"))


def case(*, layer="mine", **changes):
    """Return the test case of a single result."""
    made = result(layer, "constant-field", **changes)
    (found,) = parsed(run_of([made])).iter("testcase")
    return found


def numbers(found):
    return {p.get("name"): p.get("value") for p in found.iter("property")}


def suite_properties(**changes):
    (suite,) = parsed(run_of([result("mine", "constant-field")], [card("mine")], **changes))
    return [(p.get("name"), p.get("value")) for p in suite.findall("properties/property")]


def test_a_suite_says_how_many_checks_were_left_out():
    checks = dict.fromkeys(["constant-field", "a", "b"], "all")
    assert ("checks not run", "2") in suite_properties(checks=checks)


def test_a_suite_of_which_nothing_was_left_out_says_nothing():
    assert "checks not run" not in dict(suite_properties(checks={"constant-field": "all"}))


def test_a_suite_tells_the_verdict_on_its_layer_with_its_scope():
    facts = {"scope": "final state (float64, CPU)"}
    (suite,) = parsed(run_of([result("mine", "constant-field", facts=facts)], [card("mine")]))
    told = {p.get("name"): p.get("value") for p in suite.findall("properties/property")}
    assert told == {"verdict": "right: verified for the final state (float64, CPU)"}


BAD = (at_most("error of y1", 0.0667, 5.7e-14), at_most("error of dy1", 0.0, 1.0))
# Of the Jenkins xUnit schema, junit-10.xsd: what an element must have, and what may stand in it, in order.
REQUIRED = {
    "testsuites": set(),
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"name", "classname", "time"},
    "properties": set(),
    "property": {"name", "value"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
    "system-out": set(),
}
INSIDE = {
    "testsuites": ("testsuite",),
    "testsuite": ("properties", "testcase", "system-out", "system-err"),
    "testcase": ("properties", "skipped", "error", "failure", "system-out", "system-err"),
    "properties": ("property",),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
class TestSchema:
    def test_every_element_has_what_it_must_have(self, run):
        for element in parsed(run).iter():
            assert set(element.attrib) >= REQUIRED[element.tag]

    def test_elements_stand_where_they_may_and_in_order(self, run):
        for element in parsed(run).iter():
            places = [INSIDE.get(element.tag, ()).index(child.tag) for child in element]
            assert places == sorted(places)

    def test_a_case_has_one_outcome_at_most(self, run):
        for found in parsed(run).iter("testcase"):
            assert sum(child.tag in ("skipped", "error", "failure") for child in found) <= 1

    def test_the_counts_are_those_of_the_cases(self, run):
        for suite in parsed(run).iter("testsuite"):
            counted = [len(suite.findall(f"testcase/{tag}")) for tag in ("failure", "error", "skipped")]
            assert [int(suite.get(a)) for a in ("failures", "errors", "skipped")] == counted
            assert int(suite.get("tests")) == len(suite.findall("testcase"))

    def test_the_totals_are_the_sums(self, run):
        root = parsed(run)
        for count in ("tests", "failures", "errors", "skipped"):
            assert int(root.get(count)) == sum(int(suite.get(count)) for suite in root)

    def test_times_are_numbers(self, run):
        for element in parsed(run).iter():
            assert float(element.get("time", "0")) >= 0

    def test_no_two_cases_share_a_name(self, run):
        names = [(found.get("classname"), found.get("name")) for found in parsed(run).iter("testcase")]
        assert len(set(names)) == len(names)


def test_there_is_a_case_for_every_result():
    run = realistic_run()
    assert len(list(parsed(run).iter("testcase"))) == len(run.results)


def test_there_is_a_suite_for_every_layer():
    run = realistic_run()
    assert [s.get("name") for s in parsed(run)] == list(dict.fromkeys(r.layer for r in run.results))


def test_equal_runs_give_equal_documents():
    assert render(realistic_run()) == render(realistic_run())


def test_a_passed_result_has_its_numbers_and_nothing_else():
    found = case(measurements=(at_least("order of y1", 3.98, 3.5),))
    assert numbers(found)["order of y1"] == "3.98, at least 3.5"
    assert [child.tag for child in found] == ["properties"]


def test_metrics_are_properties():
    assert numbers(case(metrics=(Metric("evaluations per step", 4.0, "evaluations"),)))[
        "evaluations per step"
    ] == ("4.0")


def test_a_failure_says_sentence_value_bound_diagnosis_and_reproducer():
    text = case(measurements=BAD, diagnosis="A step too many.", reproducer="import nodecheck").find("failure")
    parts = [
        "Constant field is not integrated exactly",
        "error of y1: value 0.0667, bound at most 5.7e-14",
        "A step too many.",
        "import nodecheck",
    ]
    assert [p in text.text for p in parts] == [True] * 4
    assert text.get("message") == parts[0]


def test_a_number_that_holds_is_not_part_of_the_failure():
    assert "error of dy1" not in case(measurements=BAD).find("failure").text


def test_an_error_says_what_was_raised():
    found = case(outcome=Outcome.ERROR, measurements=(), reason="ValueError: no").find("error")
    assert found.get("message") == "ValueError: no"


def test_an_expected_failure_is_skipped_with_its_reason():
    found = case(measurements=BAD, expected="Known upstream.").find("skipped")
    assert found.get("message") == "failed as expected: Known upstream."


def test_an_unexpected_pass_is_a_failure():
    found = case(expected="Known upstream.").find("failure")
    assert (found.get("type"), "remove the expectation" in found.get("message")) == ("xpassed", True)


@pytest.mark.parametrize("outcome", ["inconclusive", "unsupported", "skipped"])
def test_what_has_no_verdict_is_skipped_with_its_reason(outcome):
    found = case(outcome=Outcome(outcome), measurements=(), reason="Cannot tell.").find("skipped")
    assert (found.get("type"), found.get("message")) == (outcome, f"{outcome}: Cannot tell.")


def test_a_target_that_could_not_be_loaded_is_an_error():
    (found,) = parsed(run_of([], load_errors={"a.py:L": "no such file"})).iter("error")
    assert found.get("message") == "no such file"


def test_what_is_wrong_in_the_run_is_wrong_in_the_document():
    run = realistic_run()
    root = parsed(run)
    assert int(root.get("failures")) == run.count(Status.FAILED, Status.XPASSED)
    assert int(root.get("errors")) == run.count(Status.ERROR)


def test_names_that_differ_in_what_xml_cannot_hold_stay_apart():
    run = run_of([*right_results("a\x00"), *right_results("a\x01"), *right_results("a\ufffd")])
    assert len({s.get("name") for s in parsed(run)}) == 3


def test_a_long_text_is_cut():
    made = case(measurements=BAD, diagnosis="x" * 10**6)
    assert len(made.find("failure").text) < 25_000


@pytest.mark.parametrize("seconds", [1.7e308, math.inf, -1.0, math.nan])
def test_a_time_that_is_none_does_not_break_the_sum(seconds):
    run = run_of([result("m", c, seconds=seconds) for c in ("constant-field", "gradient-class")])
    assert math.isfinite(float(parsed(run).get("time")))


def test_a_moment_is_written_in_utc_without_a_zone():
    (suite,) = parsed(run_of(right_results("m"), started="2025-03-04T10:12:44+01:00"))
    assert suite.get("timestamp") == "2025-03-04T09:12:44"


def test_what_the_layer_printed_is_the_output_of_its_case():
    assert case(measurements=BAD, output="Killed: 9").findtext("system-out") == "Killed: 9"
    assert case().find("system-out") is None
