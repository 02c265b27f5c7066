"""Targets whose import crashes, hangs or exits, beside a good one that runs all the same."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import nodecheck.runner.isolation
from nodecheck.frontends.cli.main import main
from nodecheck.results import load_run

GOOD = """
from nodecheck import ODELayer, TorchLayer
LAYER = TorchLayer("good", lambda dynamics, t0, t1, n_steps: ODELayer(dynamics, t0, t1, n_steps))
"""
BAD = {
    "segfaults": ("import ctypes\nctypes.string_at(0)", "the import crashed its process with SIGSEGV"),
    "exits at once": ("import os\nos._exit(0)", "the import ended its process with exit code 0"),
    "exits": ("raise SystemExit(0)", "SystemExit"),
    "raises": ("1 / 0", "ZeroDivisionError"),
    "is no Python": ("def", "SyntaxError"),
    "hangs": ("import time\ntime.sleep(1e6)", "the import did not end within 1 seconds"),
    "misses a library": ("import nowhere_to_be_found", "install 'nowhere_to_be_found'"),
    "prints": ("print('x' * 10**7)\nimport sys\nsys.exit(1)", "SystemExit"),
}


@pytest.fixture
def check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(nodecheck.runner.isolation, "SECONDS_TO_IMPORT", 1.0)
    monkeypatch.setattr(nodecheck.runner.isolation, "_GRACE", 0.0)
    (tmp_path / "good.py").write_text(GOOD)

    def run(source):
        (tmp_path / "bad.py").write_text(source)
        options = ["--profile", "smoke", "--select", "forward-pass", "--output", "out"]
        outcome = CliRunner().invoke(main, ["check", "bad.py:LAYER", "good.py:LAYER", *options])
        return outcome, load_run(tmp_path / "out" / "run.json")

    return run


@pytest.mark.parametrize("name", BAD)
def test_a_target_that_cannot_be_imported_exits_with_3_and_says_why(check, name):
    source, reason = BAD[name]
    outcome, run = check(source)
    assert outcome.exit_code == 3
    assert reason in run.load_errors["bad.py:LAYER"]


@pytest.mark.parametrize("name", ["segfaults", "hangs"])
def test_the_target_beside_it_is_checked(check, name):
    _, run = check(BAD[name][0])
    assert [str(r.status) for r in run.of_layer("good") if r.check == "forward-pass"] == ["passed"]


def test_a_crash_tells_its_last_lines_on_demand(check, tmp_path):
    check(BAD["segfaults"][0])
    outcome = CliRunner().invoke(main, ["check", "bad.py:LAYER", "--output", "out", "--debug"])
    assert "Fatal Python error: Segmentation fault" in outcome.output
