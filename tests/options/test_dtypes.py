"""The dtype of a run: what is asked for, what a layer claims, and problems whose numbers it represents."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import nodecheck
from nodecheck.frontends.cli.main import main
from nodecheck.layers import LayerUnderTest, Solve, TorchLayer
from nodecheck.neural_ode import ODELayer
from nodecheck.options.dtypes import in_dtype
from nodecheck.options.profile import SMOKE
from nodecheck.problems import neural, neural_at_outputs
from nodecheck.results import LayerCard, Status

SOURCE = """
import torch
import nodecheck


def build(dynamics, t0, t1, n_steps):
    layer = nodecheck.ODELayer(dynamics, t0, t1, n_steps, solver="euler", adjoint="discrete")

    def solve(y0):
        if y0.dtype != torch.float32:
            raise TypeError(f"expected float32, got {y0.dtype}")
        return layer(y0)

    return solve


LAYER = nodecheck.TorchLayer("single", build, order=1, adjoint="discrete", dtype="float32")
"""


def euler(**claims):
    def build(dynamics, t0, t1, n_steps):
        return ODELayer(dynamics, t0, t1, n_steps, solver="euler", adjoint="discrete")

    return TorchLayer("euler", build, order=1, adjoint="discrete", **claims)


def cards(*dtypes):
    return [LayerCard(f"layer {k}", "mine.py:LAYERS", "n_steps", dtype=d) for k, d in enumerate(dtypes)]


def command(tmp_path, monkeypatch, *arguments):
    """Return the outcome of `nodecheck check`, and the dtypes of the layers that it recorded."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "single.py").write_text(SOURCE)
    options = ["--profile", "smoke", "--select", "forward-pass", "--output", "out"]
    outcome = CliRunner().invoke(main, ["check", "single.py:LAYER", *options, *arguments])
    stored = tmp_path / "out" / "run.json"
    found = json.loads(stored.read_text()) if stored.exists() else {"layers": []}
    return outcome, [layer["dtype"] for layer in found["layers"]]


@pytest.mark.parametrize(
    ("claimed", "asked", "expected"),
    [
        ("float64", None, "float64"),
        ("float32", None, "float32"),
        ("float64", "float32", "float32"),
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
    ],
)
def test_a_layer_runs_in_the_dtype_asked_for_or_its_own(claimed, asked, expected):
    assert [card.dtype for card in in_dtype(cards(claimed), asked)] == [expected]


def test_a_dtype_that_a_layer_does_not_know_is_refused_in_three_beats():
    with pytest.raises(ValueError, match=r"'layer 1' works in float32 only.*expected.*got float64; leave"):
        in_dtype(cards("float64", "float32"), "float64")


def test_a_dtype_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"expected one of float64, float32.*got 'float31'; leave it out"):
        in_dtype(cards("float64"), "float31")


def test_a_claim_of_a_dtype_that_there_is_not_is_refused():
    with pytest.raises(
        ValueError, match=r"dtype of layer 'euler' must be one of .*, got 'single'; leave it out"
    ):
        euler(dtype="single")


def test_a_layer_of_one_dtype_is_run_in_it_without_an_option(tmp_path, monkeypatch):
    outcome, dtypes = command(tmp_path, monkeypatch)
    assert (outcome.exit_code, dtypes) == (0, ["float32"])


def test_another_dtype_than_that_of_a_layer_is_wrong_usage(tmp_path, monkeypatch):
    outcome, dtypes = command(tmp_path, monkeypatch, "--dtype", "float64")
    assert (outcome.exit_code, dtypes) == (2, [])
    assert "'single' works in float32 only" in " ".join(outcome.output.split())


def test_a_configured_dtype_is_that_of_the_run(tmp_path, monkeypatch):
    (tmp_path / "nodecheck.toml").write_text('dtype = "float32"\n')
    source = SOURCE.replace(', dtype="float32"', "")
    (tmp_path / "double.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    options = ["--profile", "smoke", "--select", "forward-pass", "--output", "out"]
    assert CliRunner().invoke(main, ["check", "double.py:LAYER", *options]).exit_code == 0


def test_all_tensors_of_a_pass_are_float32_where_it_is_asked_for():
    layer = LayerUnderTest(euler(), SMOKE, dtype="float32")
    calls = layer.solve(neural, 4).calls + layer.gradients(neural, 4, 1)[0].calls
    assert {call.y_dtype for call in calls} == {"float32"}


def test_what_comes_back_is_compared_in_float64():
    layer = LayerUnderTest(euler(), SMOKE, dtype="float32")
    solution = layer.solution(Solve(neural, 4), layer.cotangents(neural, 1))
    assert solution.widened == "float32"
    assert {solution.y1.dtype, *(g.dtype for g in solution.gradients.values())} == {np.dtype("float64")}


@pytest.mark.parametrize("problem", [neural, neural_at_outputs], ids=lambda problem: problem.name)
def test_a_problem_is_rounded_before_it_is_solved(problem):
    found = problem.rounded_to("float32")
    numbers = [found.y0, *found.params.values(), found.t0, found.t1, *found.ts]
    assert all(np.array_equal(np.float32(value), value) for value in numbers)
    assert (found.name, found.on_card) == (problem.name, problem.on_card)


def test_a_rounded_problem_is_near_the_one_that_it_was():
    for name, value in neural.rounded_to("float32").params.items():
        assert value == pytest.approx(neural.params[name], rel=2.0**-24)


def test_problems_stay_as_they_are_in_float64():
    assert LayerUnderTest(euler(), SMOKE).rounded(neural) is neural
    assert neural.rounded_to("float64") == neural


def test_cotangents_are_numbers_of_the_dtype():
    (cotangent,) = LayerUnderTest(euler(), SMOKE, dtype="float32").cotangents(neural, 1)
    assert np.array_equal(np.float32(cotangent), cotangent)
    (wide,) = LayerUnderTest(euler(), SMOKE).cotangents(neural, 1)
    assert not np.array_equal(np.float32(wide), wide)


def test_a_run_is_in_the_dtype_that_it_is_asked_for():
    run = nodecheck.run(euler(), profile="smoke", select="forward-pass", dtype="float32")
    assert [card.dtype for card in run.layers] == ["float32"]


def test_a_failure_is_shown_again_in_the_same_dtype():
    def wrong(dynamics, t0, t1, n_steps):
        return ODELayer(dynamics, t0, t1, n_steps + 1, solver="euler", adjoint="discrete")

    layer = TorchLayer("wrong", lambda f, t0, t1, n_steps: wrong(f, t0, t1 + 1, n_steps), order=1)
    run = nodecheck.run(layer, profile="smoke", select="constant-field", dtype="float32")
    assert all("dtype='float32'" in r.reproducer for r in run.results if r.reproducer)
    assert any(r.reproducer for r in run.results)


def test_a_failure_that_is_expected_in_float64_may_pass_in_float32():
    layer = euler(expected_failures={"forward-pass": "known in float64"})
    with_option, without = (
        nodecheck.run(layer, profile="smoke", select="forward-pass", dtype=dtype)
        for dtype in ("float32", None)
    )
    statuses = [
        next(r.status for r in run.results if r.check == "forward-pass") for run in (with_option, without)
    ]
    assert statuses == [Status.PASSED, Status.XPASSED]


def test_a_layer_of_float32_is_held_to_what_it_is_expected_to_fail():
    layer = euler(dtype="float32", expected_failures={"forward-pass": "known"})
    run = nodecheck.run(layer, profile="smoke", select="forward-pass")
    assert Status.XPASSED in {r.status for r in run.results}
