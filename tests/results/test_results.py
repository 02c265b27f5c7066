"""Statuses are derived, NaN never passes, and a run survives JSON."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodecheck.results import (
    SCHEMA_VERSION,
    VERIFIED_SHARE,
    LayerCard,
    Measurement,
    Outcome,
    Result,
    Run,
    Series,
    Status,
    at_least,
    at_most,
    from_json,
    json_schema,
    load_run,
    to_json,
)

GOOD = at_most("error", 1.0, 2.0)
BAD = at_most("error", 3.0, 2.0)


def result(*, check="c", problem="p", outcome=Outcome.MEASURED, measurements=(GOOD,), layer="mine", **more):
    return Result(layer, check, problem, outcome, "A statement", measurements=measurements, **more)


def assert_three_beats(error, received):
    """Expected, received, what to do."""
    message = str(error.value)
    expected, _, rest = message.partition(", got ")
    assert "expected" in expected or "must" in expected
    assert received in rest
    assert len(rest.partition("; ")[2]) > 10


@pytest.mark.parametrize("make", [at_most, at_least])
@pytest.mark.parametrize("bound", [1.0, math.inf, -math.inf, math.nan])
def test_nan_satisfies_no_bound(make, bound):
    assert not make("error", math.nan, bound).holds


@pytest.mark.parametrize("make", [at_most, at_least])
def test_nothing_satisfies_a_bound_that_is_nan(make):
    assert not make("error", 0.0, math.nan).holds


@pytest.mark.parametrize("make", [at_most, at_least])
def test_a_value_at_its_bound_satisfies_it(make):
    assert make("error", 2.0, 2.0).holds


def test_at_most_refuses_what_lies_above():
    assert not at_most("error", math.nextafter(2.0, math.inf), 2.0).holds


def test_at_least_refuses_what_lies_below():
    assert not at_least("order", math.nextafter(2.0, 0.0), 2.0).holds


def test_one_nan_among_good_measurements_fails_the_check():
    assert result(measurements=(GOOD, at_most("x", math.nan, 1.0))).status is Status.FAILED


def test_a_check_that_measured_nothing_is_inconclusive():
    assert result(measurements=()).status is Status.INCONCLUSIVE


def test_a_check_that_measured_nothing_is_inconclusive_even_if_it_is_expected_to_fail():
    assert result(measurements=(), expected="known").status is Status.INCONCLUSIVE


# (outcome, measurements, expected, stale) -> status, written down case by case.
_DECIDED = {
    ("measured", "good", False, False): "passed",
    ("measured", "good", False, True): "passed",
    ("measured", "good", True, False): "passed",
    ("measured", "good", True, True): "xpassed",
    ("measured", "bad", False, False): "failed",
    ("measured", "bad", False, True): "failed",
    ("measured", "bad", True, False): "xfailed",
    ("measured", "bad", True, True): "xfailed",
}


@pytest.mark.parametrize("case", _DECIDED, ids=str)
def test_what_was_measured_decides_the_status(case):
    outcome, measured, expected, stale = case
    made = result(
        outcome=Outcome(outcome),
        measurements=(GOOD, BAD) if measured == "bad" else (GOOD,),
        expected="known" if expected else "",
        stale=stale,
    )
    assert made.status == _DECIDED[case]


@pytest.mark.parametrize("measurements", [(), (GOOD,), (BAD,)], ids=["nothing", "good", "bad"])
@pytest.mark.parametrize("expected", ["", "known"])
@pytest.mark.parametrize("outcome", ["unsupported", "inconclusive", "skipped"])
def test_an_outcome_without_a_verdict_is_the_status(outcome, expected, measurements):
    made = result(outcome=Outcome(outcome), measurements=measurements, expected=expected)
    assert made.status == outcome


@pytest.mark.parametrize("measurements", [(), (GOOD,), (BAD,)], ids=["nothing", "good", "bad"])
def test_what_raised_is_an_error_whatever_was_measured_before(measurements):
    assert result(outcome=Outcome.ERROR, measurements=measurements).status is Status.ERROR


def test_an_expected_error_is_xfailed():
    assert result(outcome=Outcome.ERROR, measurements=(), expected="known").status is Status.XFAILED


def test_nobody_can_set_the_status():
    assert result(measurements=(BAD,), status=Status.PASSED).status is Status.FAILED


def test_a_replaced_measurement_changes_the_status():
    assert dataclasses.replace(result(), measurements=(BAD,)).status is Status.FAILED


def statuses(*results):
    return [str(r.status) for r in Run(results).results]


def test_an_expected_failure_that_passes_on_every_problem_is_xpassed():
    assert statuses(*(result(problem=p, expected="known") for p in "ab")) == ["xpassed", "xpassed"]


def test_an_expected_failure_that_fails_on_one_problem_passes_on_the_others():
    good, bad = result(problem="a", expected="x"), result(problem="b", expected="x", measurements=(BAD,))
    assert statuses(good, bad) == ["passed", "xfailed"]


@pytest.mark.parametrize("outcome", ["unsupported", "inconclusive", "skipped", "error"])
def test_an_expected_failure_is_not_xpassed_if_one_problem_was_not_decided(outcome):
    undecided = result(problem="b", expected="x", outcome=Outcome(outcome))
    assert statuses(result(problem="a", expected="x"), undecided)[0] == "passed"


def test_an_expected_failure_of_one_check_is_not_judged_by_another_check():
    other = result(check="d", measurements=(BAD,))
    assert statuses(result(expected="x"), other) == ["xpassed", "failed"]


def test_an_expected_failure_of_one_layer_is_not_judged_by_another_layer():
    other = result(layer="theirs", measurements=(BAD,))
    assert statuses(result(expected="x"), other) == ["xpassed", "failed"]


def test_a_stale_mark_without_an_expectation_is_taken_away():
    assert not Run((result(stale=True),)).results[0].stale


def test_a_stale_mark_that_is_wrong_is_taken_away():
    passed = result(problem="a", expected="x", stale=True)
    failed = result(problem="b", expected="x", measurements=(BAD,))
    assert [r.stale for r in Run((passed, failed)).results] == [False, False]


def test_an_expectation_about_one_problem_is_stale_whatever_the_others_do():
    run = Run((result(problem="a", expected="x"), result(problem="b", measurements=(BAD,))))
    assert [r.stale for r in run.results] == [True, False]


def test_the_same_layer_check_and_problem_twice_is_refused():
    with pytest.raises(ValueError, match="unique") as error:
        Run((result(), result()))
    assert_three_beats(error, "'mine:c:p'")


@pytest.mark.parametrize("differing", ["layer", "check", "problem"])
def test_results_that_differ_in_one_of_the_three_are_kept(differing):
    assert len(Run((result(), result(**{differing: "other"}))).results) == 2


def test_a_series_with_more_x_than_y_is_refused():
    with pytest.raises(ValueError, match="as many x as y") as error:
        Series("plot", "label", (1.0, 2.0), (1.0,))
    assert_three_beats(error, "2 and 1")


SAMPLE = Run(
    (
        result(check="nan", measurements=(at_most("a", math.nan, 1.0),), diagnosis="δ → ∂L/∂θ"),
        result(check="inf", measurements=(at_least("b", math.inf, -math.inf),), facts={"order": "4.01"}),
        result(check="curve", series=(Series("P", "l", (1.0, math.nan), (-math.inf, math.inf), slope=2.0),)),
        result(check="expected", problem="", measurements=(BAD,), expected="known", seed=7, seconds=0.25),
        result(check="none", outcome=Outcome.SKIPPED, measurements=(), reason="not asked"),
    ),
    layers=(LayerCard("mine", "file.py:LAYERS", "n_steps", 4, "discrete", None, "rk4", "", {"e": "why"}),),
    targets=("file.py:LAYERS",),
    environment={"torch": "2"},
    load_errors={"bad.py:X": "no such file"},
    warnings=("interrupted",),
    nodecheck_version="0.1.0",
)


def test_a_run_is_the_same_after_json():
    assert repr(from_json(to_json(SAMPLE))) == repr(SAMPLE)  # NaN equals nothing, so by repr


def test_json_is_the_same_after_another_round():
    assert to_json(from_json(to_json(SAMPLE))) == to_json(SAMPLE)


def test_json_is_strict_and_has_no_bare_nan():
    def refuse(constant):
        raise AssertionError(constant)

    json.loads(to_json(SAMPLE), parse_constant=refuse)


def test_numbers_that_are_not_finite_are_strings():
    by_check = {r["check"]: r for r in json.loads(to_json(SAMPLE))["results"]}
    values = [by_check["nan"]["measurements"][0]["value"], by_check["inf"]["measurements"][0]["value"]]
    assert [*values, by_check["inf"]["measurements"][0]["bound"]] == ["NaN", "Infinity", "-Infinity"]


def test_values_of_a_series_that_are_not_finite_are_strings():
    by_check = {r["check"]: r for r in json.loads(to_json(SAMPLE))["results"]}
    curve = by_check["curve"]["series"][0]
    assert (curve["x"], curve["y"]) == ([1.0, "NaN"], ["-Infinity", "Infinity"])


@settings(deadline=None)  # the first example compiles the schema
@given(value=st.floats(), bound=st.floats())
def test_every_float_survives_json(value, bound):
    run = Run((result(measurements=(Measurement("x", value, bound),)),))
    (loaded,) = from_json(to_json(run)).results[0].measurements
    assert repr((loaded.value, loaded.bound)) == repr((value, bound))


def edited(change):
    data = json.loads(to_json(Run((result(measurements=(BAD,)), result(problem="q")))))
    change(data)
    return from_json(json.dumps(data))


def test_a_status_edited_in_the_file_is_computed_anew():
    run = edited(lambda data: data["results"][0].update(status="passed"))
    assert run.results[0].status is Status.FAILED


def test_a_value_edited_in_the_file_changes_the_status():
    run = edited(lambda data: data["results"][0]["measurements"][0].update(value=0.0))
    assert run.results[0].status is Status.PASSED


def test_a_stale_mark_edited_in_the_file_is_computed_anew():
    run = edited(lambda data: data["results"][0].update(stale=True, expected="known", check="c"))
    assert [str(r.status) for r in run.results] == ["xfailed", "passed"]


def test_an_id_edited_in_the_file_is_computed_anew():
    run = edited(lambda data: data["results"][0].update(id="another"))
    assert run.results[0].id == "mine:c:p"


def test_a_result_repeated_in_the_file_is_refused():
    with pytest.raises(ValueError, match="unique") as error:
        edited(lambda data: data["results"].append(data["results"][0]))
    assert_three_beats(error, "'mine:c:p'")


@pytest.mark.parametrize(
    ("data", "received"),
    [
        (b"", "invalid json"),
        (b"\xff\xfe", "invalid json"),
        (b"<html>", "invalid json"),
        (b"[" * 10_000, "invalid json"),
        (to_json(SAMPLE)[:-20], "invalid json"),
        (b"null", "object"),
        (b"[]", "object"),
        (b"{}", "field required at results"),
        (b'{"results": 3}', "array at results"),
        (b'{"results": [{"layer": "l"}]}', "at results.0.check"),
        (to_json(SAMPLE).replace(b'"value":3.0', b'"value":"much"'), "at results.3.measurements.0.value"),
        (to_json(SAMPLE).replace(b'"value":3.0', b'"value":null'), "at results.3.measurements.0.value"),
        (to_json(SAMPLE).replace(b'"skipped"', b'"perfect"'), "at results.4.outcome"),
    ],
    ids=[
        "empty",
        "bytes",
        "html",
        "deep",
        "truncated",
        "null",
        "list",
        "object",
        "number",
        "incomplete",
        "word for a number",
        "null for a number",
        "unknown outcome",
    ],
)
def test_what_is_not_a_run_is_refused_with_what_to_do(data, received):
    with pytest.raises(ValueError, match="expected a run") as error:
        from_json(data)
    assert_three_beats(error, received)


@pytest.mark.parametrize("shape", [{"results": []}, {"results": {}}, {"verdicts": 1}], ids=repr)
def test_a_run_of_another_schema_is_refused_by_its_version_whatever_its_shape(shape):
    data = json.dumps({"schema_version": SCHEMA_VERSION + 1, "nodecheck_version": "9.9", **shape})
    with pytest.raises(ValueError, match="schema version") as error:
        from_json(data)
    assert_three_beats(error, f"{SCHEMA_VERSION + 1} (written by nodecheck 9.9)")


def test_a_run_is_loaded_from_a_file(tmp_path):
    (tmp_path / "run.json").write_bytes(to_json(SAMPLE))
    assert repr(load_run(tmp_path / "run.json")) == repr(SAMPLE)


def resolved(schema, path):
    """Return the schema at the end of references and arrays."""
    for name in path:
        schema = schema["properties"][name]
        schema = schema.get("items", schema)
        schema = json_schema()["$defs"][schema["$ref"].split("/")[-1]] if "$ref" in schema else schema
    return schema


def test_the_schema_lists_the_keys_of_a_result_that_others_rely_on():
    keys = {"layer", "check", "problem", "status", "diagnosis", "measurements", "seconds"}
    assert keys <= set(resolved(json_schema(), ["results"])["properties"])


def test_the_schema_lists_the_keys_of_a_run_that_others_rely_on():
    assert {"results", "schema_version", "environment", "nodecheck_version"} <= set(
        json_schema()["properties"]
    )


def test_the_schema_lists_the_words_of_the_status():
    words = "passed failed error unsupported inconclusive skipped xfailed xpassed"
    assert resolved(json_schema(), ["results", "status"])["enum"] == words.split()


def test_the_schema_says_that_numbers_that_are_not_finite_are_strings():
    value = resolved(json_schema(), ["results", "measurements", "value"])
    assert {"enum": ["NaN", "Infinity", "-Infinity"]} in value["anyOf"]


def test_every_key_of_the_json_is_in_the_schema():
    data = json.loads(to_json(SAMPLE))
    assert set(data["results"][0]) == set(resolved(json_schema(), ["results"])["properties"])
    assert set(data) == set(json_schema()["properties"])


def run_of(*statuses, load_errors=False, cards=True):
    makers = {
        "passed": {},
        "failed": {"measurements": (BAD,)},
        "error": {"outcome": Outcome.ERROR},
        "xpassed": {"expected": "known"},
        "xfailed": {"expected": "known", "measurements": (BAD,)},
        "skipped": {"outcome": Outcome.SKIPPED},
        "unsupported": {"outcome": Outcome.UNSUPPORTED},
        "inconclusive": {"outcome": Outcome.INCONCLUSIVE},
    }
    results = tuple(result(check=f"c{i}", **makers[status]) for i, status in enumerate(statuses))
    assert [str(r.status) for r in Run(results).results] == list(statuses)
    layers = (LayerCard("mine", "t", "n_steps"),) if cards else ()
    return Run(results, layers=layers, load_errors={"t": "broken"} if load_errors else {})


_CODES = {"failed": 1, "error": 1, "xpassed": 1}
_CODES |= dict.fromkeys(["passed", "xfailed", "unsupported", "inconclusive"], 0) | {"skipped": 5}


@pytest.mark.parametrize("status", _CODES)
def test_the_exit_code_of_a_single_status(status):
    assert run_of(status).exit_code() == _CODES[status]


def test_the_exit_code_of_nothing_is_5():
    assert Run(()).exit_code() == 5


def test_a_skipped_result_beside_a_passed_one_is_not_nothing():
    assert run_of("passed", "skipped").exit_code() == 0


@pytest.mark.parametrize("statuses", [[], ["failed"], ["skipped"], ["passed"]], ids=str)
def test_a_target_that_could_not_be_loaded_goes_before_everything(statuses):
    assert run_of(*statuses, load_errors=True).exit_code() == 3


@pytest.mark.parametrize("other", ["passed", "skipped", "xfailed", "inconclusive"])
@pytest.mark.parametrize("bad", ["failed", "error", "xpassed"])
def test_one_bad_result_decides_the_exit_code(bad, other):
    assert [run_of(*pair).exit_code() for pair in itertools.permutations([bad, other])] == [1, 1]


@pytest.mark.parametrize("status", ["xfailed", "unsupported", "inconclusive"])
def test_strict_fails_a_layer_that_is_not_verified(status):
    assert run_of(status).exit_code(strict=True) == 1


def test_strict_leaves_a_verified_layer_alone():
    assert run_of("passed").exit_code(strict=True) == 0


def test_strict_leaves_a_run_of_nothing_at_5():
    assert run_of("skipped").exit_code(strict=True) == 5


def test_a_layer_is_verified_up_to_the_share_that_may_be_undecided():
    decided = round(20 * VERIFIED_SHARE)
    assert run_of(*["passed"] * decided, *["inconclusive"] * (20 - decided)).is_verified("mine")


def test_a_layer_is_not_verified_below_that_share():
    decided = round(20 * VERIFIED_SHARE) - 1
    assert not run_of(*["passed"] * decided, *["inconclusive"] * (20 - decided)).is_verified("mine")


@pytest.mark.parametrize("status", ["skipped", "unsupported"])
def test_what_does_not_apply_does_not_count_against_a_layer(status):
    assert run_of("passed", status, status).is_verified("mine")


@pytest.mark.parametrize("status", ["failed", "error", "xpassed"])
def test_a_layer_with_one_bad_result_in_a_hundred_is_not_verified(status):
    assert not run_of(*["passed"] * 99, status).is_verified("mine")


def test_a_layer_without_results_is_not_verified():
    assert not Run(()).is_verified("mine")


def test_a_layer_of_which_everything_was_skipped_is_not_verified():
    assert not run_of("skipped").is_verified("mine")


def test_results_of_a_layer_keep_their_order():
    run = Run((result(check="b"), result(layer="theirs"), result(check="a")))
    assert [r.check for r in run.of_layer("mine")] == ["b", "a"]


def with_profile(resolution="n_steps"):
    checks = {"c0": "all", "of all": "all", "of fixed": "fixed-step", "of adaptive": "adaptive"}
    return Run((result(check="c0"),), layers=(LayerCard("mine", "t", resolution),), checks=checks)


@pytest.mark.parametrize(("resolution", "kind"), [("n_steps", "of fixed"), ("tol", "of adaptive")])
def test_what_was_left_out_is_what_is_asked_of_such_a_layer_and_has_no_result(resolution, kind):
    assert with_profile(resolution).left_out("mine") == ("of all", kind)


def test_nothing_is_left_out_of_a_layer_that_was_never_loaded():
    assert with_profile().left_out("another") == ()


def test_what_was_left_out_survives_json():
    assert from_json(to_json(with_profile())).left_out("mine") == ("of all", "of fixed")
