"""The command line: what it writes, what it says, and its exit codes."""

from __future__ import annotations

import importlib.util
import json

import pytest
from click.testing import CliRunner

from nodecheck import __version__
from nodecheck.checks import CHECKS
from nodecheck.checks.themes import themes
from nodecheck.frontends.cli.catalogue import listing
from nodecheck.frontends.cli.main import main
from nodecheck.mutants import MUTANTS
from nodecheck.problems import PROBLEMS
from nodecheck.results import load_run

QUICK = ["--profile", "smoke", "--select", "constant-field"]
RIGHT = """
from nodecheck import ODELayer, TorchLayer

def build(dynamics, t0, t1, n_steps):
    return ODELayer(dynamics, t0, t1, n_steps)

LAYER = TorchLayer("mine", build)
"""
WRONG = """
from nodecheck import ODELayer, TorchLayer

def build(dynamics, t0, t1, n_steps):
    h = (t1 - t0) / n_steps
    return ODELayer(dynamics, t0, t1 + h, n_steps + 1, solver="euler")

LAYER = TorchLayer("theirs", build)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def target(tmp_path):
    """Write a file and return the target that names its LAYER."""

    def write(source, name="mine.py", layer="LAYER"):
        (tmp_path / name).write_text(source)
        return f"{name}:{layer}"

    return write


def statuses(path):
    return {(r.layer, r.check): str(r.status) for r in load_run(path).results}


def test_a_right_layer_exits_with_0(run, target):
    assert run("check", target(RIGHT), *QUICK).exit_code == 0


def test_a_wrong_layer_exits_with_1(run, target):
    assert run("check", target(WRONG), *QUICK).exit_code == 1


def test_a_wrong_layer_is_told_why(run, target):
    result = run("check", target(WRONG), *QUICK)
    assert "one step too many" in result.output


def test_the_verdicts_are_in_run_json(run, target, tmp_path):
    run("check", target(WRONG), *QUICK, "--output", "out")
    expected = {"adapter": "passed", "forward-pass": "passed", "constant-field": "failed"}
    assert statuses(tmp_path / "out" / "run.json") == {("theirs", c): s for c, s in expected.items()}


def test_run_json_keeps_its_contract(run, target, tmp_path):
    run("check", target(RIGHT), *QUICK, "--output", "out")
    data = json.loads((tmp_path / "out" / "run.json").read_bytes())
    keys = {"layer", "check", "problem", "status", "diagnosis", "measurements", "seconds"}
    assert {"results", "schema_version", "environment", "nodecheck_version"} <= set(data)
    assert all(keys <= set(result) for result in data["results"])


def test_run_json_names_the_target_the_profile_and_the_seed(run, target, tmp_path):
    run("check", target(RIGHT), *QUICK, "--seed", 7, "--output", "out")
    stored = load_run(tmp_path / "out" / "run.json")
    assert (stored.targets, stored.profile, stored.seed) == (("mine.py:LAYER",), "smoke", 7)


def test_a_page_is_written_beside_run_json(run, target, tmp_path):
    run("check", target(RIGHT), *QUICK, "--output", "out")
    assert "mine" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_without_output_the_folder_is_named_for_the_target(run, target, tmp_path):
    run("check", target(RIGHT), *QUICK)
    assert [p.name for p in (tmp_path / "reports" / "mine-py-LAYER").iterdir()].count("run.json") == 1


def test_two_targets_make_one_run(run, target, tmp_path):
    targets = target(RIGHT), target(WRONG, "theirs.py")
    result = run("check", *targets, *QUICK, "--output", "out")
    assert result.exit_code == 1
    assert {layer for layer, _ in statuses(tmp_path / "out" / "run.json")} == {"mine", "theirs"}


def test_a_target_that_is_given_twice_runs_once(run, target, tmp_path):
    run("check", target(RIGHT), target(RIGHT), *QUICK, "--output", "out")
    assert len(load_run(tmp_path / "out" / "run.json").layers) == 1


BROKEN = {
    "a file that is not there": "missing.py:LAYER",
    "a module that is not there": "missing_module_of_mine:LAYER",
    "a name that is not registered": "torchdifeq",
    "an attribute that is not there": "mine.py:LAYERS",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_target_that_cannot_be_loaded_exits_with_3(run, target, name):
    target(RIGHT)
    assert run("check", BROKEN[name], *QUICK).exit_code == 3


def test_a_file_that_raises_exits_with_3_and_says_what_it_raised(run, target):
    result = run("check", target("raise RuntimeError('out of coffee')"), *QUICK)
    assert result.exit_code == 3
    assert "RuntimeError: out of coffee" in result.output


def test_a_broken_target_does_not_keep_a_good_one_from_running(run, target, tmp_path):
    good, bad = target(RIGHT), target("1 / 0", "bad.py")
    assert run("check", bad, good, *QUICK, "--output", "out").exit_code == 3
    assert statuses(tmp_path / "out" / "run.json")["mine", "constant-field"] == "passed"


def test_a_broken_target_is_named_in_run_json(run, target, tmp_path):
    run("check", target("1 / 0", "bad.py"), target(RIGHT), *QUICK, "--output", "out")
    errors = load_run(tmp_path / "out" / "run.json").load_errors
    assert list(errors) == ["bad.py:LAYER"]
    assert "division by zero" in errors["bad.py:LAYER"]


def test_a_traceback_is_shown_on_demand_only(run, target):
    bad = target("1 / 0", "bad.py")
    shown = [("Traceback" in run("check", bad, *QUICK, *more).output) for more in ([], ["--debug"])]
    assert shown == [False, True]


USAGE = {
    "no target": [],
    "an unknown profile": ["mine.py:LAYER", "--profile", "quick"],
    "a selection that matches nothing": ["mine.py:LAYER", "--select", "constant_field"],
    "a negative seed": ["mine.py:LAYER", "--seed", "-1"],
    "a target without an object": ["mine.py"],
    "an object that is no layer": ["mine.py:build"],
}


@pytest.mark.parametrize("name", USAGE)
def test_a_usage_error_exits_with_2(run, target, name):
    target(RIGHT)
    assert run("check", *USAGE[name]).exit_code == 2


def test_an_expected_failure_that_names_no_check_exits_with_2(run, target):
    source = RIGHT.replace('"mine", build', '"mine", build, expected_failures={"constant-feld": "known"}')
    result = run("check", target(source), *QUICK)
    assert result.exit_code == 2
    assert "constant-feld" in result.output


def test_two_layers_of_one_name_in_two_targets_exit_with_2(run, target):
    result = run("check", target(RIGHT), target(RIGHT, "other.py"), *QUICK)
    assert result.exit_code == 2
    assert "'mine'" in result.output


def test_a_class_as_target_is_answered_with_the_lines_that_adapt_it(run, target):
    result = run("check", target("class MyODE:\n    pass", layer="MyODE"), *QUICK)
    assert result.exit_code == 2
    assert "MyODE(dynamics, t0, t1, n_steps)" in result.output


def test_a_usage_error_goes_before_a_target_that_cannot_be_loaded(run, target):
    assert run("check", target(RIGHT, layer="build"), "missing.py:LAYER", *QUICK).exit_code == 2


NEVER = "from pathlib import Path\n" + RIGHT.replace("    return", "    Path('was-run').touch()\n    return")


def test_a_folder_that_cannot_be_written_exits_with_2_before_anything_runs(run, target, tmp_path):
    (tmp_path / "file").touch()
    result = run("check", target(NEVER), *QUICK, "--output", "file/out")
    assert result.exit_code == 2
    assert "--output" in result.output
    assert not (tmp_path / "was-run").exists()


def test_the_layer_of_that_test_does_leave_a_mark_when_it_runs(run, target, tmp_path):
    run("check", target(NEVER), *QUICK)
    assert (tmp_path / "was-run").exists()


needs_no_torchdyn = pytest.mark.skipif(
    importlib.util.find_spec("torchdyn") is not None, reason="torchdyn is installed, so it is not missing"
)


@needs_no_torchdyn
def test_a_missing_library_is_skipped_and_nothing_else_exits_with_5(run, tmp_path):
    assert run("check", "torchdyn", *QUICK, "--output", "out").exit_code == 5
    (result,) = load_run(tmp_path / "out" / "run.json").results
    assert (result.layer, str(result.status)) == ("torchdyn", "skipped")
    assert "pip install" in result.reason


@needs_no_torchdyn
def test_a_missing_library_beside_a_right_layer_exits_with_0(run, target):
    assert run("check", "torchdyn", target(RIGHT), *QUICK).exit_code == 0


@pytest.mark.parametrize(("strict", "code"), [([], 0), (["--strict"], 1)], ids=["as usual", "strict"])
def test_a_layer_that_is_not_verified_exits_with_1_if_strict(run, target, strict, code):
    """The resolution of this layer cannot be changed: its order is inconclusive."""
    source = RIGHT.replace("n_steps)\n\nLAYER", "50)\n\nLAYER")
    result = run("check", target(source), "--profile", "smoke", "--select", "forward-order", *strict)
    assert result.exit_code == code


def test_a_report_is_made_again_from_run_json(run, target, tmp_path):
    run("check", target(WRONG), *QUICK, "--output", "out")
    page = (tmp_path / "out" / "index.html").read_bytes()
    (tmp_path / "out" / "index.html").unlink()
    assert run("report", "out/run.json").exit_code == 0
    assert (tmp_path / "out" / "index.html").read_bytes() == page


def test_a_report_may_go_elsewhere(run, target, tmp_path):
    run("check", target(RIGHT), *QUICK, "--output", "out")
    assert run("report", "out/run.json", "--output", "page.html").exit_code == 0
    assert (tmp_path / "page.html").exists()


@pytest.mark.parametrize("content", ["", "{}", '{"schema_version": 99, "results": []}'])
def test_a_report_of_what_is_no_run_exits_with_2(run, tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    result = run("report", "run.json")
    assert result.exit_code == 2
    assert "expected" in result.output


def test_a_report_of_nothing_exits_with_2(run):
    assert run("report", "run.json").exit_code == 2


def test_all_checks_are_listed_in_their_order(run):
    lines = run("list", "checks").output.splitlines()
    assert [line.split()[0] for line in lines] == [check.id for check in CHECKS]


def test_all_problems_are_listed(run):
    lines = run("list", "problems").output.splitlines()
    assert [line.split()[0] for line in lines] == [problem.name for problem in PROBLEMS]


def test_registered_layers_are_listed(run):
    assert run("list", "layers").output.startswith("odelayer ")


def test_a_long_name_in_a_list_is_set_off_from_its_text(run):
    lines = run("list", "mutants").output.splitlines()
    assert [line.partition("  ")[0] for line in lines] == [mutant.name for mutant in MUTANTS]


def test_mutants_read_from_their_source_are_those_imported():
    assert list(listing("mutants")) == [(mutant.name, mutant.summary) for mutant in MUTANTS]


def test_the_list_of_checks_can_be_searched_for_a_theme(run):
    found = [line for line in run("list", "checks").output.splitlines() if "(memory)" in line]
    assert [line.split()[0] for line in found] == [c.id for c in CHECKS if c.theme == "Memory"]


def test_all_themes_are_listed(run):
    lines = run("list", "themes").output.splitlines()
    assert [line.split()[0] for line in lines] == list(themes())


def test_an_unknown_list_exits_with_2(run):
    assert run("list", "bugs").exit_code == 2


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_every_check_is_explained(run, check):
    result = run("explain", check.id)
    assert result.exit_code == 0
    assert all(part in result.output for part in (check.page, check.title, check.failure_title, check.cite))


def test_a_check_that_does_not_exist_is_answered_with_the_nearest(run):
    result = run("explain", "gradient-ordre")
    assert result.exit_code == 2
    assert "did you mean gradient-order?" in result.output


def test_a_check_that_resembles_none_is_answered_with_where_they_are_listed(run):
    result = run("explain", "zzz")
    assert result.exit_code == 2
    assert "nodecheck list checks" in result.output


@pytest.mark.parametrize("theme", themes().values(), ids=lambda theme: theme.name)
def test_a_theme_is_explained_with_its_checks_and_causes(run, theme):
    said = " ".join(run("explain", theme.name).output.split())
    causes = [text for cause in theme.causes for text in cause]
    assert all(text in said for text in (theme.asks, *causes, *(f"{c.id} {c.title}" for c in theme.checks)))


def test_a_column_of_the_scorecard_is_explained_as_it_is_written(run):
    assert run("explain", "Gradient").output == run("explain", "gradient").output


def test_a_theme_that_does_not_exist_is_answered_with_the_nearest(run):
    result = run("explain", "tolerances")
    assert result.exit_code == 2
    assert "did you mean tolerance?" in result.output


def test_the_version_is_told_of_a_source_tree_too(run):
    assert __version__ in run("--version").output
