"""`nodecheck replay` on layers that hang, crash, exit and flood: they are still failing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from nodecheck.frontends.cli.main import main
from nodecheck.results import LayerCard, Outcome, Result, Run, to_json

LAYERS = f"{Path(__file__).parents[1] / 'samples' / 'bad_layers.py'}:LAYERS"
# Seconds: short for the layer that waits for its end, ample for those that need a process on a busy machine.
SHORT, AMPLE = "1", "60"
PROBLEM = "neural"
# Words of what is said.
LOST = {
    "segfaults": "crashed its process with SIGSEGV (signal 11)",
    "exits_at_once": "ended its process with exit code 0",
    "exits_at_once_with_3": "ended its process with exit code 3",
    "sleeps_for_ever": "did not end within 1 seconds",
    "raises_ctrl_c": "KeyboardInterrupt",
}


@pytest.fixture
def replayed(tmp_path):
    """Replay an error of a layer that a run has stored."""

    def limits(layer):
        return "--time-limit", SHORT if layer == "sleeps_for_ever" else AMPLE, "--memory-limit", "1"

    def invoke(layer, target=LAYERS, check="adapter", problem=PROBLEM):
        error = Result(layer, check, problem, Outcome.ERROR, "t")
        run = Run((error,), layers=(LayerCard(layer, target, "n_steps"),), profile="smoke")
        (tmp_path / "run.json").write_bytes(to_json(run))
        outcome = CliRunner().invoke(main, ["replay", str(tmp_path / "run.json"), error.id, *limits(layer)])
        return outcome.exit_code, " ".join(outcome.output.split())

    return invoke


@pytest.mark.parametrize("layer", LOST)
def test_a_layer_that_takes_its_process_along_is_still_failing(replayed, layer):
    code, output = replayed(layer)
    assert (code, output[:13]) == (1, "STILL FAILING")
    assert LOST[layer] in output


def test_a_layer_that_wants_more_memory_than_it_may_have_is_still_failing(replayed):
    code, output = replayed("allocates_50_gigabytes", check="forward-pass")
    assert (code, output[:13]) == (1, "STILL FAILING")
    assert "can't allocate memory" in output


def test_of_a_segmentation_fault_the_python_lines_are_shown(replayed):
    assert "Fatal Python error: Segmentation fault" in replayed("segfaults")[1]


def test_where_another_check_fails_before_it_is_told_what_that_one_says(replayed):
    code, output = replayed("exits_at_once", check="constant-field", problem="constant")
    assert (code, output[:11]) == (1, "NOT DECIDED")
    assert "means nothing while adapter fails" in output
    assert LOST["exits_at_once"] in output


def test_a_layer_that_behaves_now_is_fixed(replayed):
    code, output = replayed("first")
    assert (code, output[:5]) == (0, "FIXED")


@pytest.mark.parametrize("source", ["import ctypes\nctypes.string_at(0)", "import os\nos._exit(0)"])
def test_a_target_whose_import_ends_its_process_is_an_error(replayed, tmp_path, source):
    (tmp_path / "gone.py").write_text(source)
    code, output = replayed("first", f"{tmp_path / 'gone.py'}:LAYERS")
    assert code == 3
    assert "ERROR: expected" in output
    assert "but the import" in output
