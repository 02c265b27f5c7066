"""The command `reproduce`, from a stored run to a script that is run by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nodecheck.frontends.cli.main import main
from nodecheck.reproduce.trial import fails_alone
from nodecheck.results import LayerCard, Outcome, Result, Run, at_most, load_run, to_json

SAMPLES = Path(__file__).parents[1] / "samples"
LAYERS = """
import nodecheck
from solvers_to_reproduce import Heun

def heun(fault):
    return nodecheck.TorchLayer(
        fault or "right", lambda dynamics, t0, t1, n_steps: Heun(dynamics, t0, t1, n_steps, fault), order=2,
        adjoint="discrete")

LAYERS = [heun("extra step"), heun("")]
"""


def result(layer, check, *, value=1.0):
    """Return a result whose only measurement is this, of a bound of zero."""
    bad = at_most("error", value, 0.0)
    return Result(layer, check, "constant", Outcome.MEASURED, "It is not exact", measurements=(bad,))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with layers, their solver and a run in which some checks have failed."""
    (tmp_path / "layers.py").write_text(LAYERS)
    (tmp_path / "solvers_to_reproduce.py").write_text((SAMPLES / "solvers_to_reproduce.py").read_text())
    names = ("extra step", "right")
    cards = tuple(LayerCard(n, "layers.py:LAYERS", "n_steps", order=2, adjoint="discrete") for n in names)
    results = (
        result("extra step", "constant-field"),
        result("right", "constant-field"),
        result("right", "adapter"),
        result("right", "determinism", value=0.0),
        Result("right", "memory-law", "wide", Outcome.SKIPPED, "It is not so", reason="does not apply"),
    )
    (tmp_path / "run.json").write_bytes(to_json(Run(results, cards, ("layers.py:LAYERS",))))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments):
    """Return the outcome of the command."""
    return CliRunner().invoke(main, ["reproduce", *arguments])


def test_a_failure_becomes_a_script_that_fails_by_itself(folder):
    done = command("run.json", "extra step:constant-field:constant", "--output", "found.py")
    assert done.exit_code == 0, done.output
    ran = subprocess.run(
        [sys.executable, "found.py"], capture_output=True, text=True, check=False, cwd=folder, env=_bare()
    )
    assert ran.returncode == 1
    assert "AssertionError: It is not exact" in ran.stderr
    assert "expected y1 = " in ran.stdout


@pytest.mark.usefixtures("folder")
def test_a_script_that_is_stored_is_on_the_page():
    assert command("run.json", "extra step:constant-field:constant", "--store").exit_code == 0
    stored = load_run(Path("run.json")).results[0].reproducer
    assert "import torch\n" in stored
    assert "nodecheck" not in stored


def _bare():
    """Return an environment in which nodecheck is not on the path by name."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.mark.usefixtures("folder")
def test_a_script_that_does_not_fail_is_never_handed_out():
    done = command("run.json", "right:constant-field:constant", "--time-limit", "30")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "got none of at most 25 lines" in done.stderr
    assert "nodecheck replay" in done.stderr


@pytest.mark.usefixtures("folder")
def test_a_check_without_scripts_points_to_the_replay():
    done = command("run.json", "right:adapter:constant")
    assert done.exit_code == 1
    assert "which needs nodecheck; repeat it with `nodecheck replay" in done.stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["right:determinism:constant", "right:memory-law:wide"])
def test_a_result_that_has_not_failed_is_a_usage_error(name):
    done = command("run.json", name)
    assert done.exit_code == 2
    assert "expected a result that failed" in done.stderr


@pytest.mark.usefixtures("folder")
def test_a_layer_that_is_gone_ends_with_exit_code_three():
    Path("layers.py").write_text("import nodecheck\nLAYERS = []\n")
    assert command("run.json", "extra step:constant-field:constant").exit_code == 3


@pytest.mark.parametrize(
    ("script", "fails"),
    [
        ("print('expected 1, received 2')\nassert False", True),
        ("print('expected 1, received 2')", False),
        ("print('expected 1, received 2')\nraise ValueError", False),
        ("assert False", False),
    ],
)
def test_a_script_fails_alone_by_its_assertion_only(script, fails):
    assert fails_alone(script, 20.0) is fails
