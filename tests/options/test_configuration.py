"""The configuration: where it is found, what it may say, and what is said of one that is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from nodecheck.options.configuration import Configuration, ConfigurationError, Expectation, Table, json_schema
from nodecheck.options.configuration_file import load_configuration
from nodecheck.options.option import OPTIONS

WHOLE = """
targets = ["mylib/layers.py:LAYERS", "torchdiffeq", "mylib.layers:MORE"]
profile = "smoke"
select = "gradient-*"
layer = ["rk4*", "heun"]
seed = 7
device = "cpu"
jobs = 2
memory_limit = 1.5
time_limit = 30
output = "reports/nodecheck"

[[expect]]
layer = "mine-*"
check = "gradient-order"
reason = "Euler in the backward pass"
issue = "https://example.org/12"
expires = 2026-12-31
"""


@pytest.fixture
def folder(tmp_path):
    """Return a folder that is the root of a repository."""
    (tmp_path / ".git").mkdir()
    return tmp_path


def write(folder: Path, text: str, name: str = "nodecheck.toml") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def loaded(folder, text, name="nodecheck.toml"):
    write(folder, text, name)
    return load_configuration(folder)


def refused(folder, text, name="nodecheck.toml"):
    """Return the sentence with which a configuration is refused: expected, received, what to do."""
    with pytest.raises(ConfigurationError) as error:
        loaded(folder, text, name)
    message = str(error.value)
    assert ", got" in message
    assert "; " in message
    return message


def test_everything_that_may_be_said_is_read(folder):
    expectation = Expectation(
        "mine-*",
        "gradient-order",
        "Euler in the backward pass",
        "https://example.org/12",
        date(2026, 12, 31),
    )
    targets = ("mylib/layers.py:LAYERS", "torchdiffeq", "mylib.layers:MORE")
    table = Table(
        targets,
        "smoke",
        "gradient-*",
        ("rk4*", "heun"),
        seed=7,
        device="cpu",
        jobs=2,
        memory_limit=1.5,
        time_limit=30.0,
        output="reports/nodecheck",
        expect=(expectation,),
    )
    assert loaded(folder, WHOLE) == Configuration(table, folder / "nodecheck.toml")


def test_a_table_of_pyproject_toml_says_the_same(folder):
    other = folder / "other"
    text = "[tool.nodecheck]" + WHOLE.replace("[[expect]]", "[[tool.nodecheck.expect]]")
    assert loaded(other, text, "pyproject.toml").table == loaded(folder / "third", WHOLE).table


def test_without_a_file_nothing_is_configured(folder):
    assert load_configuration(folder) == Configuration()


def test_a_pyproject_toml_of_others_configures_nothing(folder):
    assert loaded(folder, "[tool.ruff]\nline-length = 100", "pyproject.toml") == Configuration()


def test_the_nearest_file_above_is_taken(folder):
    write(folder, "seed = 1")
    write(folder / "a", "seed = 2")
    write(folder / "a" / "b", "[project]\nname = 'x'", "pyproject.toml")
    assert load_configuration(folder / "a" / "b").table.seed == 2


def test_nothing_above_the_repository_is_read(folder):
    write(folder, "seed = 1")
    (folder / "inner" / ".git").mkdir(parents=True)
    assert load_configuration(folder / "inner") == Configuration()


def test_a_worktree_whose_git_is_a_file_ends_the_search_too(folder):
    write(folder, "seed = 1")
    write(folder / "inner", "gitdir: elsewhere", ".git")
    assert load_configuration(folder / "inner") == Configuration()


def test_a_file_of_ours_beside_a_pyproject_toml_of_others_is_taken(folder):
    write(folder, "[tool.ruff]", "pyproject.toml")
    assert loaded(folder, "seed = 1").table.seed == 1


def test_two_configurations_in_one_folder_are_refused(folder):
    write(folder, "[tool.nodecheck]\nseed = 1", "pyproject.toml")
    assert "keep one of them" in refused(folder, "seed = 1")


def test_paths_are_those_of_the_file_seen_from_here(folder):
    write(folder, WHOLE)
    (folder / "docs" / "deep").mkdir(parents=True)
    table = load_configuration(folder / "docs" / "deep").table
    assert table.targets == ("../../mylib/layers.py:LAYERS", "torchdiffeq", "mylib.layers:MORE")
    assert table.output == "../../reports/nodecheck"


def test_what_is_configured_is_handed_on_as_options(folder):
    assert loaded(folder, 'profile = "full"\njobs = 3\ntargets = ["odelayer"]').options == {
        "profile": "full",
        "jobs": 3,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sede = 1", "'sede'; did you mean seed?"),
        ("seeds = [1, 2]", "'seeds'; did you mean seed?"),
        ("zzz = 1", "'zzz'; leave it out"),
        ("seed = '1'", "seed in nodecheck.toml must be a valid integer, got '1'"),
        ("seed = true", "must be a valid integer, got True"),
        ("seed = 1.5", "must be a valid integer, got 1.5"),
        ("seed = -1", "must be greater than or equal to 0, got -1"),
        ("jobs = 0", "must be greater than or equal to 1, got 0"),
        ("profile = 'fast'", "must be 'smoke', 'ci' or 'full', got 'fast'"),
        ("device = 'tpu'", "must be 'cpu', 'cuda' or 'both', got 'tpu'"),
        ("targets = 'mine'", "must be a valid array, got 'mine'"),
        ("targets = [1]", "targets.0 in nodecheck.toml must be a valid string, got 1"),
        ("targets = ['']", "got ''"),
        ("expect = 3", "must be a valid array, got 3"),
        ("[expect]\nlayer = 'a'", "must be a valid array, got"),
        ("[[expect]]\nlayer = 'a'\ncheck = 'b'", "expected expect.0.reason in nodecheck.toml, got nothing"),
        ("[[expect]]\nlayer = 'a'\ncheck = 'b'\nreason = ''", "got ''"),
        ("[[expect]]\nlayer = 'a'\ncheck = 'b'\nreason = 'c'\nexpire = 1", "did you mean expires?"),
        ("[[expect]]\nlayer = 'a'\ncheck = 'b'\nreason = 'c'\nexpires = 1", "must be"),
        ("[[expect]]\nlayer = 'a'\ncheck = 'b'\nreason = 'c'\nexpires = 'soon'", "must be a valid date"),
        ("seed = ", "expected TOML in nodecheck.toml, got: Invalid value"),
        ("a = " + "[" * 5000 + "]" * 5000, "got"),
        ("seed = " + "9" * 6000, "got"),
    ],
    ids=str,
)
def test_what_may_not_be_said_is_refused(folder, text, message):
    assert message in refused(folder, text)


def test_a_refusal_names_the_table_in_pyproject_toml(folder):
    message = refused(folder, "[tool.nodecheck]\nsede = 1", "pyproject.toml")
    assert "in [tool.nodecheck] of pyproject.toml" in message


def test_something_else_than_a_table_is_refused(folder):
    assert "write it as [tool.nodecheck]" in refused(folder, "[tool]\nnodecheck = 3", "pyproject.toml")


def test_a_file_that_is_not_utf_8_is_refused(folder):
    (folder / "nodecheck.toml").write_bytes(b"output = '\xff'")
    with pytest.raises(ConfigurationError, match=r"expected TOML in nodecheck\.toml, got: .*utf-8"):
        load_configuration(folder)


def test_a_refusal_is_short_whatever_the_file_says(folder):
    assert len(refused(folder, f"seed = '{'x' * 100_000}'")) < 300


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(folder):
    write(folder, "seed = 1")
    (folder / "nodecheck.toml").chmod(0)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        load_configuration(folder)


def test_reading_a_configuration_imports_no_torch():
    code = (
        "import sys, pathlib\nfrom nodecheck.options.configuration_file import load_configuration\n"
        "import nodecheck.options.settings\nload_configuration(pathlib.Path.cwd())\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


SCHEMA = json_schema()


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"seed": 3, "targets": ["a"]},
        {"expect": [{"layer": "a", "check": "b", "reason": "c", "expires": "2026-12-31"}]},
    ],
    ids=str,
)
def test_the_schema_accepts_what_is_read(data):
    jsonschema.validate(data, SCHEMA)


@pytest.mark.parametrize(
    "data",
    [{"sede": 3}, {"seed": "3"}, {"seed": -1}, {"targets": "a"}, {"profile": "fast"}, {"expect": [{}]}],
    ids=str,
)
def test_the_schema_refuses_what_is_refused(data):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, SCHEMA)


@pytest.mark.parametrize("key", ["profile", "select", "seed", "device", "dtype", "jobs", "output"])
def test_a_key_of_the_configuration_is_an_option(key):
    assert key in {option.key for option in OPTIONS}


@pytest.mark.parametrize("option", [o for o in OPTIONS if o.choices], ids=lambda o: o.name)
def test_an_option_may_be_the_same_in_the_configuration(option):
    kind = SCHEMA["properties"][option.key]["anyOf"][0]
    assert tuple(kind["enum"]) == option.choices
