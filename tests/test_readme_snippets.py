"""The snippets of the README for a workflow, tox and pre-commit work; only the address is replaced."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```(?:yaml|ini)\n(.*?)```", README, re.DOTALL)
WORKFLOW, TOX, PRE_COMMIT = SNIPPETS
LAYERS = """
from nodecheck import ODELayer, TorchLayer
LAYERS = [TorchLayer("mine", lambda dynamics, t0, t1, n_steps: ODELayer(dynamics, t0, t1, n_steps))]
"""
TABLE = 'targets = ["mylib/nodecheck_layers.py:LAYERS"]\nprofile = "smoke"\nselect = "adapter"\n'


@pytest.fixture
def run(tmp_path):
    """Run a command of a snippet in a project with a configuration; its words come from a shell line."""
    (tmp_path / "mylib").mkdir()
    (tmp_path / "mylib" / "nodecheck_layers.py").write_text(LAYERS)
    (tmp_path / "nodecheck.toml").write_text(TABLE)

    def invoke(line):
        program, *arguments = shlex.split(line, comments=True)
        assert program == "nodecheck"
        command = [sys.executable, "-m", "nodecheck", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)

    return invoke


def steps():
    return [step["run"] for step in yaml.safe_load(WORKFLOW)["jobs"]["nodecheck"]["steps"] if "run" in step]


def tox():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(TOX)
    return parser["testenv:nodecheck"]


def requirements():
    """Return what the snippets install under the name of nodecheck."""
    installs = [shlex.split(line) for line in steps() if " pip install " in line]
    words = [word for line in installs for word in line if word.startswith("nodecheck")]
    return [Requirement(word) for word in (*words, *tox()["deps"].splitlines()) if word]


def test_every_installation_names_a_place_and_no_index():
    assert [(r.name, bool(r.url)) for r in requirements()] == [("nodecheck", True)] * 2


def test_the_place_of_the_snippets_is_explained_above_them():
    (url,) = {r.url for r in requirements()}
    assert README.index(f"`nodecheck @ {url}`") < README.index(WORKFLOW)


def test_a_folder_in_place_of_the_address_can_be_installed():
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index", "-q"]
    place = f"nodecheck @ {ROOT.as_uri()}"
    done = subprocess.run(
        [*command, "--no-build-isolation", place], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_steps_of_the_workflow_run_one_after_the_other(run, tmp_path):
    check, compare = (line for line in steps() if " pip install " not in line)
    assert run(check).returncode == 0
    (tmp_path / "tests").mkdir()
    shutil.copyfile(tmp_path / "found" / "run.json", tmp_path / "tests" / "nodecheck.json")
    assert run(compare).returncode == 0


def test_the_command_of_tox_runs(run, tmp_path):
    line = tox()["commands"].replace("{env_tmp_dir}", str(tmp_path / "tmp")).replace("{posargs}", "")
    assert run(line).returncode == 0
    assert (tmp_path / "tmp" / "nodecheck" / "run.json").is_file()


def test_the_entry_of_pre_commit_runs(run):
    (repository,) = yaml.safe_load(PRE_COMMIT)["repos"]
    (hook,) = repository["hooks"]
    assert (hook["language"], hook["pass_filenames"]) == ("system", False)
    assert run(hook["entry"]).returncode == 0
