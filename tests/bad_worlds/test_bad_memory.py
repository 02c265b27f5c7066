"""`nodecheck memory` over layers that hang, crash, exit and flood: each costs its own result."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

import psutil
import pytest
import torch
from click.testing import CliRunner

from nodecheck.frontends.cli.main import main
from nodecheck.layers import TorchLayer
from nodecheck.neural_ode import ODELayer
from nodecheck.results import Status, load_run

LADDER = ("--steps", "4:40", "--state", "256", "--device", "cpu", "--output", "out")
LIMITS = ("--time-limit", "8", "--memory-limit", "1")
LATE = 16  # the first level at which a layer that is bad late is bad


def _press_ctrl_c():
    raise KeyboardInterrupt


# Deed and words of the reason.
DEEDS = {
    "segfaults": (lambda: ctypes.string_at(0), "crashed its process with SIGSEGV (signal 11)"),
    "sleeps": (lambda: time.sleep(1e6), "did not end within 8 seconds"),
    "exits": (lambda: os._exit(0), "ended its process with exit code 0"),
    "allocates": (lambda: torch.ones(2**33), "can't allocate memory"),
    "presses Ctrl-C": (_press_ctrl_c, "KeyboardInterrupt"),
}


def _layer(name, deed, when):
    """Return a layer that is right, and does its deed when it is asked for many steps or many numbers."""

    def build(dynamics, t0, t1, n_steps):
        solve = ODELayer(dynamics, t0, t1, n_steps, solver="euler")

        def use(y0):
            if when(n_steps, y0.shape[-1]):
                deed()
            return solve(y0)

        return use

    return TorchLayer(name, build)


def _late(n_steps, _width):
    return n_steps >= LATE


def _wide(_n_steps, width):
    return width > 10_000  # as in the processes of --process, and nowhere else


LATE_LAYERS = (
    _layer("first", lambda: None, _late),
    *(_layer(name, deed, _late) for name, (deed, _) in DEEDS.items()),
    _layer("last", lambda: None, _late),
)
WIDE_LAYERS = tuple(_layer(name, DEEDS[name][0], _wide) for name in ("segfaults", "sleeps", "exits"))


def measured(folder, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("nodecheck.numerics.constants.PROCESS_LEVELS", (16,))
        outcome = CliRunner().invoke(main, ["memory", *arguments, *LADDER, *LIMITS])
    assert outcome.exit_code == 1, outcome.output
    return load_run(folder / "out" / "run.json"), outcome.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("memory")


@pytest.fixture(scope="module")
def run(folder):
    return measured(folder, f"{Path(__file__)}:LATE_LAYERS")[0]


@pytest.fixture(scope="module")
def witnessed(tmp_path_factory):
    return measured(tmp_path_factory.mktemp("process"), f"{Path(__file__)}:WIDE_LAYERS", "--process")[0]


@pytest.mark.parametrize("layer", DEEDS)
def test_a_layer_that_does_its_worst_costs_one_error_that_says_where_and_what(run, layer):
    (result,) = run.of_layer(layer)
    assert result.status is Status.ERROR
    assert result.reason.startswith(f"At level {LATE} of the ladder: ")
    assert DEEDS[layer][1] in result.reason


@pytest.mark.parametrize("layer", DEEDS)
def test_the_levels_before_are_kept_and_drawn(run, layer):
    (result,) = run.of_layer(layer)
    assert [s.x for s in result.series] == [(4.0, 9.0)] * 4


@pytest.mark.parametrize("layer", ["first", "last"])
def test_the_layers_beside_it_are_measured_to_the_end(run, layer):
    (result,) = run.of_layer(layer)
    assert result.status is Status.PASSED
    assert result.facts["memory law"].startswith("O(1)")


def test_the_page_is_written_for_all_of_them(run, folder):
    page = (folder / "out" / "index.html").read_text(encoding="utf-8")
    assert all(card.name in page for card in run.layers)


def test_of_a_segmentation_fault_the_python_lines_are_kept(run):
    assert "Fatal Python error: Segmentation fault" in run.of_layer("segfaults")[0].output


@pytest.mark.parametrize("layer", ["segfaults", "sleeps", "exits"])
def test_a_layer_that_is_bad_only_in_a_fresh_process_costs_one_error(witnessed, layer):
    (result,) = witnessed.of_layer(layer)
    assert result.status is Status.ERROR
    assert result.reason.startswith("At level 16 in a process of its own: ")
    assert DEEDS[layer][1] in result.reason


def test_no_process_is_left_of_those_that_were_lost(witnessed):
    def spawned(process):
        return "spawn_main" in " ".join(process.cmdline())

    left = [p for p in psutil.Process().children(recursive=True) if spawned(p)]
    assert psutil.wait_procs(left, timeout=10)[1] == []


def test_a_target_whose_import_crashes_exits_with_3_and_the_other_is_measured(tmp_path):
    (tmp_path / "bad.py").write_text("import ctypes\nctypes.string_at(0)")
    target = f"{Path(__file__)}:FIRST"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        outcome = CliRunner().invoke(main, ["memory", "bad.py:LAYER", target, *LADDER])
    stored = load_run(tmp_path / "out" / "run.json")
    assert outcome.exit_code == 3
    assert "crashed its process with SIGSEGV" in stored.load_errors["bad.py:LAYER"]
    assert [str(r.status) for r in stored.of_layer("first")] == ["passed"]


FIRST = LATE_LAYERS[0]
