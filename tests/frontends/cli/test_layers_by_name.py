"""`--layer GLOB` and `TARGET::GLOB`: the same layers for every command and for the configuration."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from nodecheck.frontends.cli.main import main
from nodecheck.results import load_run

SOURCE = """
from nodecheck import ODELayer, TorchLayer

def layer(solver):
    def build(dynamics, t0, t1, n_steps):
        return ODELayer(dynamics, t0, t1, n_steps, solver=solver)
    return TorchLayer(solver, build)

LAYERS = [layer("rk4"), layer("heun"), layer("euler")]
"""
QUICK = ("--profile", "smoke", "--select", "adapter", "--jobs", "1", "--output", "out")
SHORT = ("--steps", "4:40", "--state", "256", "--output", "out")
STALE = '[[expect]]\nlayer = "rk4"\ncheck = "adapter"\nreason = "was wrong once"\n'


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command line beside a file with three layers; return its outcome and the layers of the run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SOURCE)

    def invoke(*arguments, table=""):
        (tmp_path / "nodecheck.toml").write_text(table)
        outcome = CliRunner().invoke(main, arguments)
        record = tmp_path / "out" / "run.json"
        return outcome, [card.name for card in load_run(record).layers] if record.exists() else None

    return invoke


@pytest.mark.parametrize(
    "arguments",
    [("mine.py:LAYERS::[rh]*",), ("mine.py:LAYERS", "--layer", "rk4", "--layer", "he*")],
    ids=["target", "option"],
)
def test_check_runs_the_layers_that_are_named_alone(run, arguments):
    outcome, layers = run("check", *arguments, *QUICK)
    assert (outcome.exit_code, layers) == (0, ["rk4", "heun"])


@pytest.mark.parametrize("table", ['targets = ["mine.py:LAYERS::heun"]\n', 'layer = "heun"\n'])
def test_a_configuration_names_layers_as_the_command_line_does(run, table):
    more = () if "targets" in table else ("mine.py:LAYERS",)
    outcome, layers = run("check", *more, *QUICK, table=table)
    assert (outcome.exit_code, layers) == (0, ["heun"])


def test_memory_measures_the_layers_that_are_named_alone(run):
    outcome, layers = run("memory", "mine.py:LAYERS", "--layer", "eul*", *SHORT)
    assert (outcome.exit_code, layers) == (0, ["euler"])


def test_without_targets_memory_measures_those_of_the_configuration(run):
    outcome, layers = run("memory", *SHORT, table='targets = ["mine.py:LAYERS::euler"]\n')
    assert (outcome.exit_code, layers) == (0, ["euler"])


def test_the_layers_of_a_target_are_listed_with_their_claims(run):
    outcome, _ = run("list", "layers", "mine.py:LAYERS::h*")
    assert outcome.output.split() == ["heun", "fixed-step"]


@pytest.mark.parametrize("command", [("check",), ("memory",), ("list", "layers")], ids=" ".join)
def test_a_pattern_that_matches_nothing_is_wrong_usage(run, tmp_path, command):
    more = {"check": QUICK, "memory": SHORT, "list": ()}[command[0]]
    outcome, _ = run(*command, "mine.py:LAYERS::rk5", *more)
    assert outcome.exit_code == 2
    assert "got 'rk5', which matches none; did you mean rk4? layers are rk4, heun, euler" in outcome.output
    assert not (tmp_path / "out").exists()


def test_a_layer_that_was_named_in_its_run_can_be_replayed(run, tmp_path):
    run("check", "mine.py:LAYERS::heun", *QUICK)
    first = load_run(tmp_path / "out" / "run.json").results[0]
    outcome, _ = run("replay", "out", first.id)
    assert (outcome.exit_code, outcome.output.split()[0]) == (0, "PASSES")


def test_an_expectation_of_a_layer_left_out_is_not_out_of_date(run):
    table = 'targets = ["mine.py:LAYERS"]\n' + STALE
    outcome, layers = run("check", "--layer", "heun", *QUICK, table=table)
    assert (outcome.exit_code, layers) == (0, ["heun"])


def test_several_selections_of_checks_are_all_run(run, tmp_path):
    run("check", "mine.py:LAYERS::rk4", *QUICK, "--select", "determinism")
    checks = {result.check for result in load_run(tmp_path / "out" / "run.json").results}
    assert checks >= {"adapter", "determinism"}
    assert "constant-field" not in checks


def test_one_selection_of_several_that_means_nothing_is_refused(run):
    outcome, layers = run("check", "mine.py:LAYERS", *QUICK, "--select", "determinsm")
    assert (outcome.exit_code, layers) == (2, None)
    assert "--select must match the id of a check, got 'determinsm'" in outcome.output
    assert "did you mean determinism?" in outcome.output
