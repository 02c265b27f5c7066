"""Where torch is not installed, each command works without it or says that it is missing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MISSING = "expected torch, which every layer needs, got none that is installed; install it with"
SOURCE = "import nodecheck\nLAYER = nodecheck.TorchLayer('mine', lambda dynamics, t0, t1, n_steps: None)\n"


@pytest.fixture
def run(tmp_path):
    """Run the command line in an environment without torch; return its exit code and what it said."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")
    (tmp_path / "mine.py").write_text(SOURCE)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # other plugins may need torch

    def invoke(*arguments, module="nodecheck"):
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, " ".join(done.stdout.split())

    return invoke


@pytest.mark.parametrize(
    "command",
    [
        ("explain", "gradient-order"),
        ("explain", "gradient"),
        ("list", "checks"),
        ("list", "problems"),
        ("list", "mutants"),
        ("schema", "run"),
    ],
    ids=" ".join,
)
def test_what_needs_no_layer_works_without_torch(run, command):
    code, said = run(*command)
    assert (code, "Traceback" in said) == (0, False)


@pytest.mark.parametrize(
    "command",
    [
        ("check", "odelayer", "--output", "out"),
        ("memory", "mine.py:LAYER", "--output", "out"),
        ("list", "layers", "odelayer"),
    ],
    ids=" ".join,
)
def test_what_needs_a_layer_says_that_torch_is_missing(run, command):
    code, said = run(*command)
    assert code == 3
    assert MISSING in said
    assert "Traceback" not in said


def test_pytest_says_that_torch_is_missing(run):
    plugins = ("-p", "nodecheck.frontends.pytest.plugin", "-p", "no:cacheprovider")
    code, said = run("--nodecheck", "mine.py:LAYER", *plugins, module="pytest")
    assert code == pytest.ExitCode.INTERRUPTED
    assert MISSING in said
    assert "Traceback" not in said
