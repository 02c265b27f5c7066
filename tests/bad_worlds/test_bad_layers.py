"""One run over layers that hang, crash, exit and flood: each costs its own result, and none another's."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from nodecheck.frontends.cli.main import main
from nodecheck.results import Status, load_run

LAYERS = Path(__file__).parents[1] / "samples" / "bad_layers.py"
OPTIONS = ["--profile", "smoke", "--select", "constant-field", "--time-limit", "10", "--memory-limit", "1"]

# Words of the reason.
ERRORS = {
    "sleeps_for_ever": "did not end within 10 seconds",
    "hangs_outside_python": "did not end within 10 seconds, and its process had to be killed",
    "swallows_every_exception": "did not end within 10 seconds",
    "recurses": "RecursionError: maximum recursion depth exceeded",
    "overflows_the_stack": "crashed its process with SIGSEGV (signal 11)",
    "segfaults": "crashed its process with SIGSEGV (signal 11)",
    "exits_at_once": "ended its process with exit code 0",
    "exits_at_once_with_3": "ended its process with exit code 3",
    "exits": "SystemExit: goodbye",
    "allocates_50_gigabytes": "can't allocate memory",
    "allocates_lists_for_ever": "MemoryError",
    "raises_a_base_exception": "Cancelled: not an Exception",
    "raises_ctrl_c": "KeyboardInterrupt",
    "raises_what_cannot_be_pickled": "Unpicklable: cannot leave its process",
    "closes_its_output": "Bad file descriptor",
}
# Words of the diagnosis.
FAILURES = {
    "returns_none": "returns None",
    "returns_a_tuple": "return adapt.part(y, 0) for y",
    "returns_a_wrong_shape": "returns a tensor of shape (4, 1)",
    "returns_an_array": "A NumPy array carries no gradient",
    "returns_nan": "12 of 12 entries of y1 are NaN or infinite",
}
RIGHT = ("first", "prints_100_megabytes", "changes_the_default_dtype", "warns", "last")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bad") / "out"


@pytest.fixture(scope="module")
def run(folder):
    target = f"{LAYERS}:LAYERS"
    outcome = CliRunner().invoke(main, ["check", target, *OPTIONS, "--output", str(folder)])
    assert isinstance(outcome.exception, SystemExit), outcome.output
    assert outcome.exit_code == 1, outcome.output
    return load_run(folder / "run.json")


def wrong(run, layer):
    """Return the results of a layer that are its fault."""
    return [r for r in run.of_layer(layer) if r.status in (Status.ERROR, Status.FAILED)]


@pytest.mark.parametrize("layer", ERRORS)
def test_a_layer_that_does_its_worst_costs_one_error_that_says_what_is_known(run, layer):
    (result,) = wrong(run, layer)
    assert result.status is Status.ERROR
    assert ERRORS[layer] in result.reason


@pytest.mark.parametrize("layer", FAILURES)
def test_a_layer_that_returns_what_is_no_state_fails_once_and_is_told_what_to_return(run, layer):
    (result,) = wrong(run, layer)
    assert result.status is Status.FAILED
    assert FAILURES[layer] in result.diagnosis


@pytest.mark.parametrize("layer", RIGHT)
def test_a_layer_that_is_right_is_told_so_whoever_came_before(run, layer):
    assert {str(r.status) for r in run.of_layer(layer)} == {"passed"}


def test_the_first_and_the_last_layer_have_the_same_numbers(run):
    first, last = (run.of_layer(name) for name in ("first", "last"))
    assert [r.measurements for r in first] == [r.measurements for r in last]


def test_of_a_hundred_printed_megabytes_the_beginning_and_the_end_are_kept(run):
    output = run.of_layer("prints_100_megabytes")[0].output
    assert output.startswith("beginning of what is printed")
    assert output.endswith("end of what is printed")
    assert len(output) < 4000


def test_a_warning_is_kept_with_the_result(run):
    assert any("FutureWarning: this layer is deprecated" in r.output for r in run.of_layer("warns"))


def test_of_a_segmentation_fault_the_python_lines_are_kept(run):
    output = wrong(run, "segfaults")[0].output
    assert "Fatal Python error: Segmentation fault" in output
    assert "in segfaults" in output


def test_what_one_layer_prints_is_not_put_down_to_another(run):
    assert {r.output for r in run.of_layer("last")} == {""}


def test_a_name_that_is_markup_is_text_on_the_page(run, folder):
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_name_of_ten_thousand_characters_does_not_break_the_page(run, folder):
    assert len([card for card in run.layers if len(card.name) == 10_000]) == 1
    assert "long long" in (folder / "index.html").read_text(encoding="utf-8")


def test_no_journal_is_left_of_a_run_that_came_to_its_end(run, folder):
    assert not (folder / "journal.jsonl").exists()
