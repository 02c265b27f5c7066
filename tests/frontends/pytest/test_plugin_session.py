"""`pytest --nodecheck TARGET` and `@nodecheck.parametrize` in one suite: alone, and spread by xdist."""

from __future__ import annotations

import re

import pytest
from suites import LAYERS, STRICT, run_pytest, write

from nodecheck.results import Status, load_run

TESTS = """
import nodecheck
from layers import KNOWN, RIGHT, STALE, WRONG
from dataclasses import replace

MINE = [nodecheck.TorchLayer("mine", RIGHT.build, order=4), nodecheck.TorchLayer("bad", WRONG.build, order=1)]

@nodecheck.parametrize(MINE, profile="smoke", select="constant-field")
def test_mine(check):
    check()

def test_other():
    pass
"""
# A library that is not there, for every process of the session.
WITHOUT_TORCHODE = "import sys\nsys.modules['torchode'] = None\n"
CONFIGURED = (
    STRICT
    + """
[tool.nodecheck]
profile = "smoke"
select = "constant-field"
seed = 3

[[tool.nodecheck.expect]]
layer = "also*"
check = "constant-field"
reason = "as the configuration says"
"""
)
MORE = (
    LAYERS
    + """
ALSO = TorchLayer("also-known", one_step_more, order=1)
LAYERS = [RIGHT, WRONG, KNOWN, ALSO, STALE, CRASHING]
"""
)
XDIST = pytest.param(("-n", "2", "--dist", "loadgroup"), id="xdist", marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=[pytest.param((), id="alone"), XDIST])
def session(request, tmp_path_factory):
    if request.param:
        pytest.importorskip("xdist")
    folder = write(
        tmp_path_factory.mktemp("suite"),
        layers__py=MORE,
        test_mine__py=TESTS,
        pyproject__toml=CONFIGURED,
        sitecustomize__py=WITHOUT_TORCHODE,
    )
    targets = ("--nodecheck", "layers.py:LAYERS", "--nodecheck", "torchode")
    files = ("--nodecheck-output", "out", "--junitxml", "junit.xml")
    return run_pytest(
        folder, "-v", "-ra", "--xfail-tb", *targets, *files, *request.param, PYTHONPATH=str(folder)
    )


@pytest.fixture(scope="module")
def run(session):
    return load_run(session.folder / "out" / "run.json")


@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        ("nodecheck::right::constant-field", "PASSED"),
        ("nodecheck::wrong::constant-field", "FAILED"),
        ("nodecheck::wrong::forward-pass", "PASSED"),
        ("nodecheck::known::constant-field", "XFAIL"),
        ("nodecheck::also-known::constant-field", "XFAIL"),
        ("nodecheck::stale::constant-field", "FAILED"),
        ("nodecheck::crashing::adapter", "FAILED"),
        ("nodecheck::crashing::constant-field", "SKIPPED"),
        ("nodecheck::torchode", "SKIPPED"),
        ("test_mine.py::test_mine[mine-constant-field]", "PASSED"),
        ("test_mine.py::test_mine[bad-constant-field]", "FAILED"),
        ("test_mine.py::test_other", "PASSED"),
    ],
)
def test_an_item_has_the_outcome_of_its_check(session, item, outcome):
    assert session.outcomes[item] == outcome


def test_pytest_fails_as_a_whole(session):
    assert session.code == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    "words",
    [
        "Constant field is not integrated exactly",
        r"error of the elapsed time: value 0\.0875, bound at most [\d.e-]+",
        r"one step too many",
        "Source: Hairer",
        r"load_target\('layers\.py:LAYERS'\)",
    ],
)
def test_a_failure_says(session, words):
    assert re.search(words, session.failure("wrong: constant-field"))


def test_a_failure_of_a_test_says_the_same(session):
    mine = session.failure("test_mine[bad-constant-field]")
    assert "error of the elapsed time: value 0.0875, bound at most" in mine
    assert "Source: Hairer" in mine


def test_a_check_that_passes_unexpectedly_says_so(session):
    text = session.failure("stale: constant-field")
    assert "constant-field passed, but was expected to fail: remove the expectation" in text
    assert "was wrong once" in text


def test_an_expected_failure_says_what_failed(session):
    text = session.failure("known: constant-field")
    assert "error of the elapsed time: value 0.0875" in text


def test_a_crash_costs_one_item_and_says_what_is_known(session):
    text = session.failure("crashing: adapter")
    assert "The layer crashed its process with SIGSEGV" in text
    assert re.search(r"The layer printed:\n +Fatal Python error", text)


def test_the_summary_says_in_a_line_what_is_wrong(session):
    assert re.search(r"FAILED nodecheck::wrong::constant-field - Constant field is not integ", session.output)


def test_skips_are_told_without_a_line_of_nodecheck(session):
    assert re.search(r"SKIPPED \[\d\] nodecheck: means nothing while adapter fails", session.output)
    assert re.search(r"SKIPPED \[1\] nodecheck: torchode needs the library", session.output)


def test_no_traceback_leads_into_nodecheck(session):
    assert not re.search(r"nodecheck/(pytest_plugin|runner)/\w+\.py:\d+", session.output)


def test_the_verdict_on_each_layer_is_told(session):
    assert "✗ wrong is wrong: Integrates over" in session.output
    assert "✓ right is partly checked: " in session.output


def test_the_numbers_are_in_the_junit_file_of_pytest(session):
    case = session.cases()["nodecheck.wrong.constant-field"]
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties["constant: status"] == "failed"
    value, bound = properties["constant: error of the elapsed time"].split(", at most ")
    assert float(value) == pytest.approx(0.0875)
    assert 0 < float(bound) < 1e-10


def test_the_numbers_of_a_test_are_there_too(session):
    case = session.cases()["test_mine.test_mine[mine-constant-field]"]
    assert "constant: error of the elapsed time" in {p.get("name") for p in case.iter("property")}


def test_all_files_are_written(session):
    written = {path.name for path in (session.folder / "out").iterdir()}
    assert written >= {"run.json", "index.html", "junit.xml", "summary.md"}


def test_the_record_has_the_results_of_all_items(run):
    found = {(r.layer, r.check): r.status for r in run.results}
    assert found["right", "constant-field"] is Status.PASSED
    assert found["wrong", "constant-field"] is Status.FAILED
    assert found["known", "constant-field"] is Status.XFAILED
    assert found["stale", "constant-field"] is Status.XPASSED
    assert found["crashing", "adapter"] is Status.ERROR
    assert found["torchode", "library"] is Status.SKIPPED
    assert found["bad", "constant-field"] is Status.FAILED


def test_the_record_is_in_the_order_of_the_targets_and_then_of_the_tests(run):
    layers = list(dict.fromkeys(r.layer for r in run.results))
    assert layers[:7] == ["torchode", "right", "wrong", "known", "also-known", "stale", "crashing"]
    assert set(layers[7:]) == {"mine", "bad"}


def test_the_record_says_what_was_configured(run):
    assert (run.profile, run.seed, run.targets) == ("smoke", 3, ("layers.py:LAYERS", "torchode"))


def test_the_record_knows_each_layer(run):
    assert {card.name for card in run.layers} >= {"right", "wrong", "mine", "bad"}
