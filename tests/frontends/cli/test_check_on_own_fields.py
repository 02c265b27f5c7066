"""`nodecheck check --problem FILE:PROBLEM`: the field is loaded by name in the processes of the run."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from nodecheck.frontends.cli.main import main
from nodecheck.results import load_run

LAYERS = """
from nodecheck import ODELayer, TorchLayer

def build(dynamics, t0, t1, n_steps):
    return ODELayer(dynamics, t0, t1, n_steps, solver="{solver}")

LAYER = TorchLayer("mine", build, order={order})
"""
FIELD = """
import torch
from torch import nn
from nodecheck.problems import from_module

class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))

    def forward(self, t, y):
        return torch.dropout(self.net(y), 0.5, train={random})

torch.manual_seed(0)
PROBLEM = from_module("ours", Field(), torch.randn(5, 2), 0.5, 1.25)
OTHER = 3
"""
QUICK = ("--profile", "smoke", "--select", "forward-order", "--jobs", "1", "--output", "out")
ON = ("--problem", "field.py:PROBLEM")


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Return a function that runs the command line beside a layer, a field and a configuration."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, solver="heun", order=2, random=False, table=""):
        (tmp_path / "mine.py").write_text(LAYERS.format(solver=solver, order=order))
        (tmp_path / "field.py").write_text(FIELD.format(random=random))
        (tmp_path / "nodecheck.toml").write_text(table)
        return CliRunner().invoke(main, arguments)

    return run


@pytest.mark.parametrize("configured", [False, True])
def test_a_right_layer_passes_on_the_field_alone(invoke, configured):
    table = 'problems = ["field.py:PROBLEM"]\n' if configured else ""
    outcome = invoke("check", "mine.py:LAYER", *QUICK, *(() if configured else ON), table=table)
    assert outcome.exit_code == 0, outcome.output
    assert "Your field ours cannot reveal (5 members of shape (2,), 22 parameters" in outcome.output
    assert "does not depend on time" in outcome.output
    run = load_run(Path("out/run.json"))
    assert [r.problem for r in run.results] == ["neural", "ours", "ours"]
    assert [(card.name, card.target) for card in run.problems] == [("ours", "field.py:PROBLEM")]


def test_a_wrong_layer_fails_and_the_failure_can_be_repeated(invoke):
    outcome = invoke("check", "mine.py:LAYER", *QUICK, *ON, solver="euler")
    assert outcome.exit_code == 1
    assert "The layer is wrong on your field ours" in outcome.output.replace("\n", " ")
    (failed,) = (r for r in load_run(Path("out/run.json")).results if r.violated)
    assert failed.id == "mine:forward-order:ours"
    assert "problem = load_problem('field.py:PROBLEM')" in failed.reproducer
    again = invoke("replay", "out", failed.id, solver="euler")
    assert (again.exit_code, again.output.split("  ")[0]) == (1, "STILL FAILING")
    mended = invoke("replay", "out", failed.id)
    assert (mended.exit_code, mended.output.split("  ")[0]) == (0, "FIXED")


REFUSED = [
    ("field.py", {}, 2, "expected package.module:object or path/file.py:object, got 'field.py'"),
    ("field.py:OTHER", {}, 2, "expected a problem, `nodecheck.problems.from_module("),
    (
        "field.py:PROBLEMS",
        {},
        3,
        "expected an attribute 'PROBLEMS', got none in 'field.py'; did you mean PROBLEM?",
    ),
    ("nowhere.py:PROBLEM", {}, 3, "expected a Python file at 'nowhere.py', got nothing there"),
    ("field.py:PROBLEM", {"random": True}, 3, "got not a function: two calls with the same t and y differ"),
]


@pytest.mark.parametrize(("target", "changes", "code", "text"), REFUSED)
def test_what_is_no_problem_ends_the_command_with_a_reason(invoke, target, changes, code, text):
    outcome = invoke("check", "mine.py:LAYER", *QUICK, "--problem", target, **changes)
    assert outcome.exit_code == code, outcome.output
    assert text in outcome.output


def test_where_a_field_is_refused_nothing_is_run_in_its_place(invoke):
    invoke("check", "mine.py:LAYER", *QUICK, *ON, random=True)
    run = load_run(Path("out/run.json"))
    assert run.results == ()
    assert list(run.load_errors) == ["field.py:PROBLEM"]
