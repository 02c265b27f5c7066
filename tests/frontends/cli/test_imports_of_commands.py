"""The process of a command imports neither torch nor SciPy: layers run in child processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = {"torch", "scipy", "hypothesis", "jax"}
PROGRAM = """
import sys
from nodecheck.frontends.cli.main import main

if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    finally:
        print("imported:", *sorted(name for name in sys.modules if "." not in name))
"""
RIGHT = """
from nodecheck import ODELayer, TorchLayer
LAYER = TorchLayer("mine", lambda dynamics, t0, t1, n_steps: ODELayer(dynamics, t0, t1, n_steps))
"""


def imported_by(folder, *arguments):
    """Run a command in a process of its own; return its exit code, and what that process has imported."""
    (folder / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    before, _, modules = done.stdout.rpartition("imported:")
    assert before or modules, done.stdout
    return done.returncode, set(modules.split())


def test_a_check_of_registered_layers_imports_nothing_heavy(tmp_path):
    code, modules = imported_by(
        tmp_path, "check", "odelayer", "--profile", "smoke", "--select", "constant-field"
    )
    assert code == 0
    assert not modules & HEAVY


def test_a_check_of_several_layers_at_a_time_imports_nothing_heavy(tmp_path):
    (tmp_path / "a.py").write_text(RIGHT)
    (tmp_path / "b.py").write_text(RIGHT.replace('"mine"', '"other"'))
    options = ("--profile", "smoke", "--select", "adapter", "--jobs", "2")
    code, modules = imported_by(tmp_path, "check", "a.py:LAYER", "b.py:LAYER", *options)
    assert code == 0
    assert not modules & HEAVY


def test_a_replay_imports_nothing_heavy(tmp_path):
    (tmp_path / "a.py").write_text(RIGHT)
    imported_by(
        tmp_path, "check", "a.py:LAYER", "--profile", "smoke", "--select", "adapter", "--output", "out"
    )
    from nodecheck.results import load_run

    first = load_run(tmp_path / "out" / "run.json").results[0]
    code, modules = imported_by(tmp_path, "replay", "out", first.id)
    assert code == 0
    assert not modules & HEAVY


@pytest.mark.parametrize(
    "command",
    [
        *(("list", what) for what in ("checks", "themes", "layers", "problems", "mutants")),
        *(("explain", name) for name in ("forward-order", "gradient")),
        ("--help",),
    ],
    ids=" ".join,
)
def test_what_only_prints_imports_nothing_heavy(tmp_path, command):
    code, modules = imported_by(tmp_path, *command)
    assert code == 0
    assert not modules & HEAVY
