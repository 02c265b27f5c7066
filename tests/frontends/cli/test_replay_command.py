"""`nodecheck replay`: a stored result against the layer as it is now."""

from __future__ import annotations

import dataclasses
import re

import pytest
from click.testing import CliRunner

import nodecheck
from nodecheck.frontends.cli.replay import replay
from nodecheck.report.anchors import anchor
from nodecheck.results import LayerCard, Outcome, Result, Run, at_most, to_json
from nodecheck.targets.discovery import load_target

# A layer of Euler steps; `LAST` steps too many make it wrong.
SOURCE = """
from nodecheck import ODELayer, TorchLayer

LAST = {steps}

def build(dynamics, t0, t1, n_steps):
    {body}
    h = (t1 - t0) / n_steps
    return ODELayer(dynamics, t0, t1 + LAST * h, n_steps + LAST, solver="euler")

LAYER = TorchLayer("{name}", build, expected_failures={expected})
"""
FIELD, ID = "constant-field", "mine:constant-field:constant"


@pytest.fixture
def layer(tmp_path, monkeypatch):
    """Write a layer into a file of its own each time, as if it were edited; return its target."""
    monkeypatch.chdir(tmp_path)
    count = iter(range(99))

    def write(*, steps=0, name="mine", body="", expected=None):
        file = tmp_path / f"layers{next(count)}.py"
        file.write_text(SOURCE.format(steps=steps, name=name, body=body, expected=expected or {}))
        return f"{file.name}:LAYER"

    return write


def run_of(target, select=FIELD):
    """Return the run of a target, as the command line stores it."""
    run = nodecheck.run(load_target(target), profile="smoke", select=select, seed=3)
    cards = tuple(dataclasses.replace(card, target=target) for card in run.layers)
    return dataclasses.replace(run, layers=cards, targets=(target,))


def of_target(run, target):
    """Return the same run as if its layer stood in this file, which was edited since."""
    return dataclasses.replace(run, layers=tuple(dataclasses.replace(c, target=target) for c in run.layers))


@pytest.fixture
def replayed(tmp_path):
    def invoke(run, result_id=ID):
        (tmp_path / "run.json").write_bytes(to_json(run) if isinstance(run, Run) else run)
        return CliRunner().invoke(replay, [str(tmp_path / "run.json"), result_id])

    return invoke


def test_a_layer_that_was_corrected_is_fixed(layer, replayed):
    result = replayed(of_target(run_of(layer(steps=1)), layer()))
    assert (result.exit_code, result.output.split()[0]) == (0, "FIXED")


def test_a_layer_that_was_not_is_still_failing_and_told_why(layer, replayed):
    result = replayed(run_of(layer(steps=1)))
    assert (result.exit_code, result.output[:13]) == (1, "STILL FAILING")
    assert "one step too many" in result.output


def test_the_number_of_then_stands_beside_that_of_now(layer, replayed):
    result = replayed(of_target(run_of(layer(steps=1)), layer(steps=2)))
    told = r"value 0\.175, bound at most \S+ \(then value 0\.0875"
    assert re.search(told, " ".join(result.output.split()))


def test_what_passed_and_passes_is_not_called_fixed(layer, replayed):
    result = replayed(run_of(layer()))
    assert (result.exit_code, result.output.split()[0]) == (0, "PASSES")


def test_what_passed_and_fails_now_is_told(layer, replayed):
    result = replayed(of_target(run_of(layer()), layer(steps=1)))
    assert (result.exit_code, result.output.split()[0]) == (1, "FAILING")


def test_a_failure_that_is_expected_now_is_still_failing(layer, replayed):
    result = replayed(of_target(run_of(layer(steps=1)), layer(steps=1, expected={FIELD: "known"})))
    assert (result.exit_code, result.output[:13]) == (1, "STILL FAILING")


def test_a_layer_that_raises_now_is_still_failing(layer, replayed):
    result = replayed(of_target(run_of(layer(steps=1)), layer(body="raise RuntimeError('gone')")))
    assert result.exit_code == 1
    assert "means nothing while forward-pass fails" in result.output


def test_a_result_is_found_by_its_anchor_in_the_report(layer, replayed):
    run = run_of(layer(name="a b"))
    (passed,) = (r for r in run.results if r.check == FIELD)
    assert passed.id != anchor(passed.id)
    assert replayed(run, anchor(passed.id)).exit_code == 0


def test_the_seed_of_the_run_is_used(layer, replayed, monkeypatch):
    seen, real = {}, nodecheck.runner.plan.make_plan

    def spy(cards, **options):
        seen.update(options)
        return real(cards, **options)

    run = run_of(layer())
    monkeypatch.setattr("nodecheck.runner.plan.make_plan", spy)
    replayed(run)
    assert seen == {"profile": "smoke", "select": FIELD, "seed": 3, "seconds": None, "problems": ()}


def test_what_the_layer_printed_is_shown(layer, replayed):
    result = replayed(of_target(run_of(layer()), layer(body="print('hello from the layer')")))
    assert "The layer printed:\n    hello from the layer" in result.output


def test_ctrl_c_exits_with_130(layer, replayed, monkeypatch):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    run = run_of(layer())
    monkeypatch.setattr("nodecheck.runner.plan.make_plan", interrupted)
    assert replayed(run).exit_code == 130


def test_an_unknown_id_is_a_usage_error_that_names_the_nearest(layer, replayed):
    result = replayed(run_of(layer()), "mine:constant-feld:constant")
    assert result.exit_code == 2
    assert f"did you mean {ID}?" in result.output


def test_a_check_without_its_problem_is_answered_with_a_problem_that_failed(replayed):
    passed, failed = (
        Result("mine", FIELD, problem, Outcome.MEASURED, "t", measurements=(at_most("x", x, 0.0),))
        for problem, x in (("constant", 0.0), ("linear-in-time", 1.0))
    )
    for results in ((passed, failed), (failed, passed)):
        assert f"did you mean {failed.id}?" in " ".join(
            replayed(Run(results), f"mine:{FIELD}").output.split()
        )


def test_the_folder_of_a_run_stands_for_its_run_json(layer, tmp_path):
    (tmp_path / "run.json").write_bytes(to_json(run_of(layer())))
    result = CliRunner().invoke(replay, [str(tmp_path), ID])
    assert (result.exit_code, result.output.split()[0]) == (0, "PASSES")


def test_a_layer_that_was_given_as_an_object_is_refused(layer, replayed):
    result = replayed(of_target(run_of(layer()), ""))
    assert result.exit_code == 2
    assert "which was given as an object" in result.output


@pytest.mark.parametrize("target", ["missing.py:LAYER", "no_such_module_here:LAYER", "torchdifeq", "::", "x"])
def test_a_target_that_is_gone_is_an_error(layer, replayed, target):
    result = replayed(of_target(run_of(layer()), target))
    assert result.exit_code == 3
    assert "ERROR: expected" in result.output


def test_a_layer_that_has_another_name_now_is_an_error(layer, replayed):
    result = replayed(of_target(run_of(layer()), layer(name="renamed")))
    assert result.exit_code == 3
    assert "got renamed" in result.output


def test_a_target_that_raises_is_an_error(layer, replayed, tmp_path):
    (tmp_path / "broken.py").write_text("1 / 0")
    assert replayed(of_target(run_of(layer()), "broken.py:LAYER")).exit_code == 3


def stored(target, check, profile="smoke"):
    """Return a run whose only result is of a check that may not exist."""
    failed = Result("mine", check, "", Outcome.MEASURED, "t", measurements=(at_most("x", 1.0, 0.0),))
    return Run((failed,), layers=(LayerCard("mine", target, "n_steps"),), profile=profile)


@pytest.mark.parametrize(
    ("check", "profile"), [("gone", "smoke"), ("*", "smoke"), ("", "smoke"), (FIELD, "huge")], ids=str
)
def test_a_check_or_profile_that_does_not_exist_is_a_usage_error(layer, replayed, check, profile):
    result = replayed(stored(layer(), check, profile), f"mine:{check}:")
    assert result.exit_code == 2
    assert "cannot be repeated" in result.output


@pytest.mark.parametrize("seed", [-1, 10**30])
def test_a_seed_that_is_none_is_a_usage_error(layer, replayed, seed):
    result = replayed(dataclasses.replace(run_of(layer()), seed=seed))
    assert result.exit_code == 2
    assert f"got {seed}; 0 is the usual one" in " ".join(result.output.split())


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 9999, b"\xff"], ids=range(4))
def test_a_file_that_holds_no_run_is_a_usage_error(replayed, data):
    assert replayed(data).exit_code == 2
