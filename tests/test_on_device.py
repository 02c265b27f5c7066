"""The script that collects what is to be known of a device: its commands, its limits, and its dry run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nodecheck.frontends.cli.check import check
from nodecheck.frontends.cli.memory import memory

sys.path.insert(0, str(Path(__file__).parent))

from on_device import ROOT, Part, files_of_tests, limit_of_all, parts, run_part

sys.path.pop(0)

FOLDER = Path("found")
FORMS = pytest.mark.parametrize("dry_run", [False, True], ids=["on a device", "dry run"])
EIGHT_MINUTES = 480
COMMANDS = {"check": check, "memory": memory}


@FORMS
def test_all_parts_together_take_less_than_eight_minutes(dry_run):
    assert limit_of_all(parts(FOLDER, dry_run=dry_run)) < EIGHT_MINUTES


def test_a_dry_run_has_the_parts_of_a_run_on_a_device():
    names = [[part.name for part in parts(FOLDER, dry_run=dry_run)] for dry_run in (False, True)]
    assert names[0] == names[1]


@FORMS
def test_every_command_of_nodecheck_has_arguments_that_it_knows(dry_run):
    commands = [
        part.arguments[2:] for part in parts(FOLDER, dry_run=dry_run) if "nodecheck" in part.arguments
    ]
    parsed = [COMMANDS[name].make_context(name, list(words)).params for name, *words in commands]
    assert len(parsed) == 3
    assert all(params["output"].parent == FOLDER for params in parsed)


def test_on_a_device_every_command_asks_for_it():
    words = [part.arguments for part in parts(FOLDER, dry_run=False)[3:]]
    assert all("cuda" in arguments or "both" in arguments for arguments in words)


def test_a_dry_run_asks_for_no_device():
    words = [part.arguments for part in parts(FOLDER, dry_run=True)[3:]]
    assert not any("cuda" in arguments for arguments in words)


def test_the_tests_of_a_device_are_found_by_their_mark():
    found = {path.as_posix() for path in files_of_tests()}
    assert {"tests/neural_ode/test_odelayer_cuda.py", "tests/checks/test_device.py"} <= found


def ended(tmp_path, code, seconds=60.0, done=(0,)):
    part = Part("part", ("-c", code), seconds, done)
    return run_part(part, tmp_path, dict(os.environ)), (tmp_path / "part.txt").read_text()


def test_a_part_with_a_finding_has_done_its_work(tmp_path):
    found, text = ended(tmp_path, "print('found'); raise SystemExit(1)", done=(0, 1))
    assert (found["exit"], found["complete"], text) == (1, True, "found\n")


def test_a_part_that_fails_is_not_complete(tmp_path):
    found, text = ended(tmp_path, "raise ValueError('mine')")
    assert (found["exit"], found["complete"]) == (1, False)
    assert "ValueError: mine" in text


def test_what_a_part_said_before_its_limit_is_kept(tmp_path):
    code = "import time; print('measured', flush=True); time.sleep(600)"
    found, text = ended(tmp_path, code, seconds=1.0)
    assert not found["complete"]
    assert text.startswith("measured\n")
    assert found["seconds"] < 60


@pytest.mark.slow
def test_the_dry_run_goes_through_every_part(tmp_path):
    command = [sys.executable, str(ROOT / "tests" / "on_device.py"), "--dry-run", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one["part"] for one in summary] == [part.name for part in parts(FOLDER, dry_run=True)]
    assert all((tmp_path / f"{one['part']}.txt").is_file() for one in summary)
