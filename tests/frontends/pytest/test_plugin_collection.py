"""What `pytest --nodecheck TARGET` collects, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from suites import LAYERS, QUICK, STRICT, run_pytest, write

from nodecheck.results import load_run

TARGET = ("--nodecheck", "layers.py:RIGHT")
TEST = "def test_other():\n    pass\n"
# What tells which process has imported the layers.
WATCHED = LAYERS + "\nimport os\nwith open('imported', 'a') as file:\n    print(os.getpid(), file=file)\n"


@pytest.fixture
def folder(folder):
    return write(folder, test_other__py=TEST)


@pytest.fixture
def collected(here):
    """Return the ids that pytest would run."""

    def collect(*arguments):
        code, ids, told = here("--collect-only", *arguments)
        assert code == pytest.ExitCode.OK, told
        return ids

    return collect


RIGHT = [f"nodecheck::right::{check}" for check in ("adapter", "forward-pass", "constant-field")]


def test_the_environment_of_the_tests_stays_as_it_is(collected, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    collected(*TARGET, *QUICK)
    assert "OMP_NUM_THREADS" not in os.environ
    assert not [name for name in os.environ if name.startswith("NODECHECK")]


def test_the_items_come_behind_the_tests(collected):
    assert collected(*TARGET, *QUICK) == ["test_other.py::test_other", *RIGHT]


def test_the_layers_are_not_imported_by_pytest(folder, collected):
    write(folder, layers__py=WATCHED)
    collected(*TARGET, *QUICK)
    processes = (folder / "imported").read_text().split()
    assert processes
    assert str(os.getpid()) not in processes


def test_k_selects_by_layer_and_check(collected):
    names = "rk4 and continuous and constant-field and not outputs"
    found = collected("--nodecheck", "odelayer", *QUICK, "-k", names)
    assert found == ["nodecheck::odelayer-rk4-continuous::constant-field"]


def test_m_selects_them_all(collected):
    assert collected(*TARGET, *QUICK, "-m", "nodecheck") == RIGHT


def test_checks_that_are_never_asked_of_a_layer_are_not_collected(collected):
    found = collected(*TARGET, "--nodecheck-profile", "smoke", "-m", "nodecheck")
    assert "nodecheck::right::forward-order" in found
    assert "nodecheck::right::forward-tolerance" not in found


def test_a_target_in_addopts_is_left_out_where_a_path_is_given(folder, collected):
    always = STRICT.replace('"--strict-config"', '"--nodecheck=layers.py:RIGHT"')
    write(folder, pyproject__toml=always)
    assert collected(*QUICK, "test_other.py") == ["test_other.py::test_other"]


def test_the_id_of_an_item_is_an_argument(collected):
    assert collected(*TARGET, *QUICK, RIGHT[2]) == [RIGHT[2]]


def test_the_beginning_of_an_id_is_an_argument_too(collected):
    assert collected(*TARGET, *QUICK, "nodecheck::right") == RIGHT


@pytest.fixture
def unloadable(folder, here):
    """Return what pytest says of four targets, of which one can be loaded."""
    write(folder, broken__py="import no_such_library\n")
    targets = ("broken.py:LAYERS", "odelaye", "layers.py:RIGHT", "layers.py:rk4")
    chosen = [part for target in targets for part in ("--nodecheck", target)]
    return here(*chosen, *QUICK, "--nodecheck-output", "out")


@pytest.mark.parametrize(
    "sentence",
    [
        "expected 'broken.py' to import, got ModuleNotFoundError: No module named 'no_such_library'; install",
        "got 'odelaye', which is not registered; did you mean odelayer?",
        "expected a TorchLayer or a sequence of them, got 'rk4' in 'layers.py:rk4'",
    ],
)
def test_a_target_that_cannot_be_loaded_is_an_error_of_the_collection(unloadable, sentence):
    code, _, told = unloadable
    assert code == pytest.ExitCode.INTERRUPTED
    assert sentence in told


def test_such_an_error_has_no_traceback(unloadable):
    assert "Traceback" not in unloadable[2]
    assert "pytest_plugin" not in unloadable[2]


def test_the_record_names_such_targets(unloadable, folder):
    run = load_run(folder / "out" / "run.json")
    assert list(run.load_errors) == ["layers.py:rk4", "broken.py:LAYERS", "odelaye"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--nodecheck-profile", "fast"), "profile must be one of smoke, ci, full, got 'fast'"),
        (("--nodecheck-seed", "-1"), "seed must be at least 0, got '-1'"),
        (("--nodecheck-select", "nothing"), "must match the id of a check, got 'nothing'"),
        (("nodecheck::nobody",), "expected the id of an item, or its beginning, got 'nodecheck::nobody'"),
        (("--nodecheck-output", "layers.py"), "--output must be a folder that can be written, got"),
    ],
)
def test_a_wrong_option_is_a_usage_error(here, arguments, sentence):
    code, _, told = here(*TARGET, *arguments)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert sentence in told
    assert "INTERNALERROR" not in told


@pytest.mark.parametrize(
    "arguments",
    [
        ("--nodecheck-select", "nothing"),
        ("--nodecheck-layer", "nobody"),
        ("--nodecheck", "layers.py:WRONG::nobody"),
        ("--nodecheck", "layers.py:WRONG::"),
        ("nodecheck::nobody",),
    ],
    ids=" ".join,
)
def test_wrong_usage_leaves_no_output_folder(folder, here, arguments):
    code, _, _ = here(*TARGET, *QUICK, *arguments, "--nodecheck-output", "out")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [("layers.py:PAIR::ri*",), ("layers.py:PAIR", "--nodecheck-layer", "right")],
    ids=["target", "option"],
)
def test_the_layers_that_are_named_alone_are_collected(folder, collected, arguments):
    write(folder, layers__py=LAYERS + "PAIR = [RIGHT, WRONG]\n")
    assert collected("--nodecheck", *arguments, *QUICK)[1:] == RIGHT


def test_an_expectation_about_no_check_is_a_usage_error(folder, here):
    entry = '[[tool.nodecheck.expect]]\nlayer = "right"\ncheck = "gradient"\nreason = "known"\n'
    write(folder, pyproject__toml=STRICT + entry)
    code, _, told = here(*TARGET, *QUICK)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "expected the id of a check, got 'gradient'" in told


def test_without_the_plugin_there_is_no_option(here):
    assert here("-p", "no:nodecheck", *TARGET)[0] == pytest.ExitCode.USAGE_ERROR


def test_a_suite_that_does_not_use_the_plugin_imports_nothing_for_it(tmp_path):
    heavy = "{'torch', 'numpy', 'nodecheck.runner', 'nodecheck.frontends.pytest.targets', 'pydantic'}"
    test = f"import sys\n\ndef test_light():\n    assert not {heavy} & set(sys.modules)\n"
    write(tmp_path, test_light__py=test)
    others = ("randomly", "hypothesispytest", "torchtyping", "typeguard")
    session = run_pytest(tmp_path, *(part for name in others for part in ("-p", f"no:{name}")))
    assert session.code == pytest.ExitCode.OK, session.output


def test_loading_the_plugin_takes_no_time():
    """Beside what pytest has imported anyway; the bound leaves room for a busy machine."""
    program = (
        "import pytest, _pytest.config, argparse, time\n"
        "begin = time.process_time()\nimport nodecheck.frontends.pytest\nprint(time.process_time() - begin)"
    )
    times = [float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(3)]
    assert min(times) < 0.03
