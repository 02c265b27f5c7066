"""`nodecheck compare`: from two files to an exit code, on runs of real layers."""

from __future__ import annotations

import functools

import pytest
from click.testing import CliRunner

import nodecheck
from nodecheck.frontends.cli.compare import compare
from nodecheck.report.changes import Change
from nodecheck.report.changes import compare as compare_runs
from nodecheck.results import Run, to_json


@functools.cache
def run_of(solver, select, adjoint="discrete", profile="smoke"):
    """Return the run of a layer that claims nothing, and so passes with whatever solver it has."""

    def build(dynamics, t0, t1, n_steps):
        return nodecheck.ODELayer(dynamics, t0, t1, n_steps, solver=solver, adjoint=adjoint)

    return nodecheck.run(nodecheck.TorchLayer("mine", build), profile=profile, select=select)


@pytest.fixture
def command(tmp_path):
    """Write two runs and compare them."""

    def invoke(before, after, *options):
        paths = []
        for name, run in (("before", before), ("after", after)):
            path = tmp_path / f"{name}.json"
            path.write_bytes(to_json(run) if isinstance(run, Run) else run)
            paths.append(str(path))
        return CliRunner().invoke(compare, [*paths, *map(str, options)])

    return invoke


def differences(before, after):
    return {(d.change, d.text.partition(" from ")[0]) for d in compare_runs(before, after).differences}


def test_two_runs_of_the_same_layer_differ_in_nothing(command):
    run = run_of("rk4", "forward-order")
    run_of.cache_clear()
    result = command(run, run_of("rk4", "forward-order"))
    assert result.exit_code == 0
    assert "No regression: nothing changed." in " ".join(result.output.split())


def test_a_lower_order_is_a_regression_though_the_check_passes(command):
    result = command(run_of("rk4", "forward-order"), run_of("heun", "forward-order"))
    assert result.exit_code == 1
    assert "order of y1 fell from 3.91 to" in " ".join(result.output.split())


def test_a_higher_order_is_none(command):
    assert command(run_of("heun", "forward-order"), run_of("rk4", "forward-order")).exit_code == 0


def test_more_evaluations_are_a_regression():
    found = differences(run_of("heun", "evaluation-times"), run_of("rk4", "evaluation-times"))
    assert found == {(Change.WORSE, "evaluations per step rose")}


def test_more_states_for_each_step_are_a_regression():
    found = differences(run_of("heun", "memory-law"), run_of("rk4", "memory-law"))
    assert (Change.WORSE, "states per step saved by autograd rose") in found


def test_a_gradient_of_lower_order_is_a_regression():
    found = differences(run_of("rk4", "gradient-order"), run_of("heun", "gradient-order"))
    assert {
        (Change.WORSE, "order of ∂L/∂y0 over 2 cotangents fell"),
        (Change.WORSE, "error at 64 steps of ∂L/∂y0 over 2 cotangents rose"),
    } <= found


def test_profiles_share_the_numbers_of_an_order():
    smoke, ci = (run_of("heun", "forward-order", profile=p) for p in ("smoke", "ci"))
    changes = compare_runs(smoke, ci)
    assert changes.numbers == 2
    assert not changes.regressed


def test_the_changes_are_written_as_markdown_too(command, tmp_path):
    target = tmp_path / "changes.md"
    command(run_of("rk4", "forward-order"), run_of("heun", "forward-order"), "--markdown", target)
    assert "order of y1 fell" in target.read_text(encoding="utf-8")


def test_the_page_of_the_changes_is_written_into_a_folder(command, tmp_path):
    folder = tmp_path / "new" / "changes"
    result = command(run_of("rk4", "forward-order"), run_of("heun", "forward-order"), "--output", folder)
    assert result.exit_code == 1
    assert f"report  {folder / 'index.html'}" in result.output
    assert "order of y1 fell" in (folder / "index.html").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_made_is_a_usage_error(command, tmp_path):
    (tmp_path / "file").write_text("")
    run = run_of("rk4", "forward-order")
    result = command(run, run, "--output", tmp_path / "file" / "inside")
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_place_that_cannot_be_written_is_a_usage_error(command, tmp_path):
    run = run_of("rk4", "forward-order")
    result = command(run, run, "--markdown", tmp_path / "missing" / "changes.md")
    assert result.exit_code == 2
    assert "--markdown must be a writable file, got" in result.output


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[1, 2", b'{"schema_version": 99}', b"\xff\xfe{", b"[" * 100_000], ids=range(6)
)
def test_a_file_that_holds_no_run_is_a_usage_error(command, data):
    run = run_of("rk4", "forward-order")
    for pair in ((data, run), (run, data)):
        result = command(*pair)
        assert result.exit_code == 2
        assert "expected" in result.output


@pytest.mark.parametrize("path", [".", "missing.json", "a\x00b", "x" * 10_000], ids=range(4))
def test_a_path_that_cannot_be_read_is_a_usage_error(path):
    result = CliRunner().invoke(compare, [path, path])
    assert result.exit_code == 2
    assert "expected a run.json that can be read" in result.output
