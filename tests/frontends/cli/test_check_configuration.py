"""`nodecheck check` with a configuration: targets, options, expected failures, and the service it runs on."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner

from nodecheck.frontends.cli.main import main
from nodecheck.results import load_run

SOURCE = """
from nodecheck import ODELayer, TorchLayer

def right(dynamics, t0, t1, n_steps):
    return ODELayer(dynamics, t0, t1, n_steps)

def wrong(dynamics, t0, t1, n_steps):
    h = (t1 - t0) / n_steps
    return ODELayer(dynamics, t0, t1 + h, n_steps + 1)

RIGHT = TorchLayer("right", right)
WRONG = TorchLayer("wrong", wrong)
"""
TABLE = """
targets = ["mine.py:RIGHT", "mine.py:WRONG"]
profile = "smoke"
select = "constant-field"
output = "found"
seed = 3
"""
EXPECTED = '[[expect]]\nlayer = "wrong"\ncheck = "constant-field"\nreason = "one step too far"\n'


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SOURCE)

    def check(*arguments, table=TABLE, github="false"):
        monkeypatch.setenv("GITHUB_ACTIONS", github)
        (tmp_path / "nodecheck.toml").write_text(table)
        outcome = CliRunner().invoke(main, ["check", *arguments])
        record = tmp_path / "found" / "run.json"
        return outcome, load_run(record) if record.exists() else None

    return check


def test_without_targets_those_of_the_configuration_are_checked(run):
    outcome, stored = run()
    assert outcome.exit_code == 1
    assert [card.name for card in stored.layers] == ["right", "wrong"]


def test_what_is_configured_holds(run):
    _, stored = run()
    assert (stored.profile, stored.seed) == ("smoke", 3)


def test_the_command_line_goes_before_the_configuration(run):
    _, stored = run("mine.py:RIGHT", "--seed", "0")
    assert (stored.seed, len(stored.layers)) == (0, 1)


def test_without_any_target_the_command_says_what_to_name(run):
    outcome, _ = run(table="")
    assert outcome.exit_code == 2
    assert "expected a TARGET" in outcome.output


def test_a_failure_that_the_configuration_expects_is_xfailed(run):
    outcome, stored = run(table=TABLE + EXPECTED)
    assert outcome.exit_code == 0, outcome.output
    assert {
        (r.status.value, r.expected) for r in stored.of_layer("wrong") if r.check == "constant-field"
    } == {("xfailed", "one step too far")}


def test_an_expectation_of_a_right_layer_is_reported_as_stale(run):
    outcome, stored = run(table=TABLE + EXPECTED.replace('"wrong"', '"right"'))
    assert outcome.exit_code == 1
    assert "xpassed" in {r.status.value for r in stored.of_layer("right")}


BAD = {
    "expired": (TABLE + EXPECTED + "expires = 2020-01-01\n", "expired on 2020-01-01"),
    "no such layer": (TABLE + EXPECTED.replace('"wrong"', '"wrnog"'), "did you mean wrong?"),
    "no such check": (
        TABLE + EXPECTED.replace("constant-field", "constant-feld"),
        "did you mean constant-field?",
    ),
    "no such key": (TABLE + "profil = 'ci'\n", "did you mean profile?"),
    "no TOML": ("targets = [", "expected TOML"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_configuration_that_makes_no_sense_exits_with_2_before_anything_runs(run, name):
    table, words = BAD[name]
    outcome, stored = run(table=table)
    assert outcome.exit_code == 2
    assert words in outcome.output
    assert stored is None


@pytest.mark.parametrize(
    ("arguments", "table"),
    [
        ((), BAD["no such layer"][0]),
        ((), BAD["expired"][0]),
        (("--select", "nothing"), TABLE),
        (("mine.py:SOURCE",), TABLE),
        (("mine.py",), TABLE),
        (("mine.py:RIGHT::left",), TABLE),
        (("mine.py:RIGHT::",), TABLE),
    ],
    ids=["layer", "expired", "select", "no layer", "no object", "pattern", "mark"],
)
def test_wrong_usage_leaves_no_output_folder(run, tmp_path, arguments, table):
    (tmp_path / "mine.py").write_text(SOURCE + "\nSOURCE = 3\n")
    outcome, _ = run(*arguments, table=table)
    assert outcome.exit_code == 2
    assert not (tmp_path / "found").exists()


@pytest.mark.parametrize(
    ("key", "value"), [("memory_limit", "0.5"), ("time_limit", "0.01"), ("time_limit", "inf")]
)
def test_a_configured_limit_is_held_to_that_of_the_option(run, key, value):
    outcome, _ = run(table=f"{key} = {value}\n{TABLE}")
    assert outcome.exit_code == 2
    assert f"{key} in nodecheck.toml must be" in outcome.output


def test_an_entry_about_a_layer_that_is_not_in_this_run_is_no_error(run):
    outcome, _ = run("mine.py:RIGHT", table=TABLE + EXPECTED)
    assert outcome.exit_code == 0


def test_an_entry_about_a_layer_whose_target_cannot_be_loaded_hides_nothing(run):
    table = TABLE.replace("mine.py:WRONG", "gone.py:WRONG") + EXPECTED
    outcome, stored = run(table=table)
    assert outcome.exit_code == 3, outcome.output
    assert list(stored.load_errors) == ["gone.py:WRONG"]


def test_two_layers_at_a_time_give_the_same_results_as_one(run):
    _, one = run()
    _, two = run("--jobs", "2")
    assert [(r.id, r.status, r.measurements) for r in two.results] == [
        (r.id, r.status, r.measurements) for r in one.results
    ]


def test_the_checks_of_one_layer_give_the_same_results_in_several_processes(run):
    options = ("mine.py:WRONG", "--select", "*")
    _, one = run(*options, "--jobs", "1")
    _, three = run(*options, "--jobs", "3")
    assert [(r.id, r.status, r.measurements, r.diagnosis) for r in three.results] == [
        (r.id, r.status, r.measurements, r.diagnosis) for r in one.results
    ]


def test_a_junit_file_and_a_summary_are_written(run, tmp_path):
    run()
    suites = ET.parse(tmp_path / "found" / "junit.xml").getroot()
    assert any(case.find("failure") is not None for case in suites.iter("testcase"))
    assert "wrong" in (tmp_path / "found" / "summary.md").read_text(encoding="utf-8")


def test_github_is_told_where_it_asks_for_it(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    quiet, _ = run()
    assert "::error" not in quiet.output
    assert not (tmp_path / "step.md").exists()
    loud, _ = run(github="true")
    assert "::error" in loud.output
    assert "wrong" in (tmp_path / "step.md").read_text(encoding="utf-8")
