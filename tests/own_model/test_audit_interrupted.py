"""The audit of the command line in a process of its own: its progress in a pipe, and Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from nodecheck.results.audit import Outcome, load_audit

# The third pass in float64 waits, until it is interrupted; a second audit follows.
MODULE = """
import time
import torch
import nodecheck

class Field(torch.nn.Linear):
    def forward(self, t, y):
        return torch.tanh(super().forward(y))

passes = []

def solve(dynamics, y0, t):
    passes.append(y0.dtype)
    if WAITS and passes.count(torch.float64) == 3:
        print("waits", flush=True)
        time.sleep(600)
    return nodecheck.ODELayer(dynamics, 0.0, 1.0, 20, solver="rk4")(y0)

def audit(name):
    torch.manual_seed(0)
    return nodecheck.Audit(name, solve, Field(2, 2), torch.randn(4, 2), torch.tensor([0.0, 1.0]))

AUDITS = [audit("first"), audit("second")]
"""


def started(folder, *, waits):
    (folder / "my.py").write_text(MODULE.replace("WAITS", str(waits)))
    command = [sys.executable, "-m", "nodecheck", "audit", "my.py:AUDITS", "--output", "out"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, **pipes)


def test_in_a_pipe_progress_is_a_line_for_each_step(tmp_path):
    with started(tmp_path, waits=False) as process:
        _, told = process.communicate(timeout=300)
    steps = ["the field", "the exact gradient", "a second route to it", "the causes of its error",
             "other settings"]  # fmt: skip
    assert told.splitlines() == [f"{name}: {step}" for name in ("first", "second") for step in steps]
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_what_is_known_and_begins_nothing_else(tmp_path, number):
    with started(tmp_path, waits=True) as process:
        assert process.stdout.readline() == "waits\n"
        process.send_signal(number)
        output, told = process.communicate(timeout=300)
    assert process.returncode == 130
    record = load_audit(tmp_path / "out" / "first")
    assert (record.outcome, record.reason) == (Outcome.INCONCLUSIVE, "it was interrupted")
    assert record.error > 0.0
    assert (tmp_path / "out" / "first" / "index.html").exists()
    assert "it was interrupted" in output
    assert told.endswith("first: interrupted\n")
    assert not (tmp_path / "out" / "second").exists()
