"""Test suites of others that use the plugin, and what pytest says of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

LAYERS = """
import ctypes
from nodecheck import ODELayer, TorchLayer

def rk4(dynamics, t0, t1, n_steps):
    return ODELayer(dynamics, t0, t1, n_steps, solver="rk4")

def one_step_more(dynamics, t0, t1, n_steps):
    print("one step more")
    h = (t1 - t0) / n_steps
    return ODELayer(dynamics, t0, t1 + h, n_steps + 1, solver="euler")

def crashing(dynamics, t0, t1, n_steps):
    def solve(y):
        ctypes.string_at(0)
    return solve

def endless(dynamics, t0, t1, n_steps):
    def solve(y):
        while True:
            pass
    return solve

RIGHT = TorchLayer("right", rk4, order=4)
WRONG = TorchLayer("wrong", one_step_more, order=1)
KNOWN = TorchLayer("known", one_step_more, order=1, expected_failures={"constant-field": "one step more"})
STALE = TorchLayer("stale", rk4, order=4, expected_failures={"constant-field": "was wrong once"})
CRASHING = TorchLayer("crashing", crashing)
ENDLESS = TorchLayer("endless", endless)
"""
QUICK = ("--nodecheck-profile", "smoke", "--nodecheck-select", "constant-field")
STRICT = """
[tool.pytest.ini_options]
addopts = ["--strict-markers", "--strict-config"]
filterwarnings = ["error"]
"""


@dataclass(frozen=True)
class Session:
    """What pytest did; `output` is what it prints, then what reached the standard error stream."""

    folder: Path
    code: int
    output: str

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome of each item, as a verbose pytest prints it."""
        word, share = "(PASSED|FAILED|SKIPPED|XFAIL|ERROR)", r"\[ *\d+%\]"
        alone = re.findall(rf"^(\S.*?::.*?) {word}\b.*{share}$", self.output, re.MULTILINE)
        spread = re.findall(rf"^\[gw\d+\] {share} {word} (.*?::.*?) *$", self.output, re.MULTILINE)
        return dict(alone) | {item: outcome for outcome, item in spread}

    def failure(self, item: str) -> str:
        """What is said of one failure."""
        sections = re.split(r"^_+ (.+?) _+$", self.output, flags=re.MULTILINE)
        return dict(zip(sections[1::2], sections[2::2], strict=True))[item]

    def cases(self) -> dict[str, ElementTree.Element]:
        """The test cases in pytest's own JUnit file, junit.xml in the folder."""
        found = ElementTree.parse(self.folder / "junit.xml").iter("testcase")
        return {f"{case.get('classname')}.{case.get('name')}": case for case in found}


def run_pytest(folder: Path, *arguments: str, python: str = sys.executable, **variables: str) -> Session:
    """Run pytest in a process of its own; what this one was told does not reach it."""
    told = ("PYTEST_", "COV_", "NODECHECK_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(told)}
    environment |= {"OMP_NUM_THREADS": "1", "COLUMNS": "120", **variables}
    done = subprocess.run(
        [python, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,  # apart: a child that crashes may write in the middle of a line of pytest
        text=True,
        timeout=300,
        check=False,
    )
    return Session(folder, done.returncode, f"{done.stdout}\n{done.stderr}")


def write(folder: Path, **files: str) -> Path:
    """Write files, named by keyword with `__` for the dot, and return the folder."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder
