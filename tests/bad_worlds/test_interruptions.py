"""Runs that are cut short, or whose folder is no good: what was measured is kept, and a run can go on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from nodecheck.frontends.cli.main import main
from nodecheck.results import NOT_REACHED, Status, load_run
from nodecheck.runner.journal import Journal

LAYERS = Path(__file__).parents[1] / "samples" / "bad_layers.py"
ARGUMENTS = [f"{LAYERS}:SLOW", "--profile", "smoke", "--select", "constant-field"]


def start(folder):
    """Start a run of three layers that takes some seconds, in a process of its own."""
    command = [sys.executable, "-m", "nodecheck", "check", *ARGUMENTS, "--output", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(folder, *options):
    """Run the same here."""
    return CliRunner().invoke(main, ["check", *ARGUMENTS, "--output", str(folder), *options])


def wait_for_results(folder, count):
    """Wait until the journal holds so many results: the first line says which run it is."""
    journal, deadline = folder / "journal.jsonl", time.monotonic() + 60
    while time.monotonic() < deadline:
        if journal.exists() and journal.read_bytes().count(b"\n") > count:
            return
        time.sleep(0.02)
    pytest.fail("the run never got so far")


def interrupted(folder, how):
    """Interrupt a run after two results; return its exit code and its child processes, if any is left."""
    process = start(folder)
    try:
        wait_for_results(folder, 2)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(how)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert children
    return process.returncode, psutil.wait_procs(children, timeout=10)[1]


def measured(stored):
    return [r for r in stored.results if r.reason != NOT_REACHED]


@pytest.fixture(scope="module", params=[signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def stopped(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stopped")
    return folder, *interrupted(folder, request.param)


@pytest.fixture(scope="module")
def killed_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    return folder, *interrupted(folder, signal.SIGKILL)


@pytest.fixture
def killed(killed_once, tmp_path):
    """What a run that was killed has left, as a copy."""
    return shutil.copytree(killed_once[0], tmp_path / "copy")


def test_an_interrupted_run_exits_with_130(stopped):
    assert stopped[1] == 130


def test_an_interrupted_run_leaves_a_report_of_what_was_done(stopped):
    stored = load_run(stopped[0] / "run.json")
    assert 2 <= len(measured(stored)) < 9
    assert "interrupted" in stored.warnings[0]
    assert (stopped[0] / "index.html").exists()


def test_a_layer_that_was_not_examined_to_the_end_is_not_verified(stopped):
    stored = load_run(stopped[0] / "run.json")
    assert not stored.is_verified("slow 2")
    assert {r.status for r in stored.of_layer("slow 2") if r not in measured(stored)} == {Status.INCONCLUSIVE}


def test_no_process_is_left_of_a_run_that_was_interrupted(stopped):
    assert stopped[2] == []


def test_an_interrupted_run_can_be_resumed(stopped, tmp_path):
    folder = shutil.copytree(stopped[0], tmp_path / "copy")
    kept = measured(load_run(folder / "run.json"))
    assert run(folder, "--resume").exit_code == 0
    stored = load_run(folder / "run.json")
    assert {(r.id, r.seconds) for r in kept} <= {(r.id, r.seconds) for r in stored.results}
    assert len({r.layer for r in stored.results}) == 3


def test_ctrl_c_during_the_import_of_a_target_exits_with_130(tmp_path):
    (tmp_path / "slow.py").write_text("import time\nopen('begun', 'w').close()\ntime.sleep(600)\n")
    command = [sys.executable, "-m", "nodecheck", "check", "slow.py:LAYERS", "--output", "out"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_no_process_is_left_of_a_run_that_was_killed(killed_once):
    assert killed_once[2] == []


def test_a_killed_run_can_be_resumed(killed):
    assert run(killed, "--resume").exit_code == 0
    assert "Resumed" in load_run(killed / "run.json").warnings[0]
    assert not (killed / "journal.jsonl").exists()


def test_a_journal_that_was_cut_in_the_middle_of_a_line_can_be_resumed(killed):
    journal = killed / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    assert run(killed, "--resume").exit_code == 0


def test_another_run_is_not_taken_for_the_interrupted_one(killed):
    before = (killed / "journal.jsonl").read_bytes()
    outcome = run(killed, "--resume", "--seed", "5")
    assert outcome.exit_code == 2
    assert "seed 0 (not 5)" in outcome.output
    assert (killed / "journal.jsonl").read_bytes() == before


def test_a_journal_that_is_none_is_refused(tmp_path):
    (tmp_path / "journal.jsonl").write_bytes(b"\x00\xff\n{}\n")
    outcome = run(tmp_path, "--resume")
    assert outcome.exit_code == 2
    assert "--resume expects" in outcome.output


def test_with_nothing_to_resume_the_run_begins_from_the_beginning(tmp_path):
    assert run(tmp_path / "new", "--resume").exit_code == 0


def test_a_second_run_into_the_same_folder_is_refused_and_the_first_goes_on(tmp_path):
    with Journal(tmp_path, {}) as first:
        outcome = run(tmp_path)
        assert outcome.exit_code == 2
        assert "in use by another run" in outcome.output
        assert (tmp_path / "journal.jsonl").read_bytes() == b"{}\n"
        assert first.trouble == ""


def mounted(folder, options):
    """Mount a file system of its own on a folder, as only root can."""
    folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("a small file system can only be mounted by root")
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a small file system be mounted")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def read_only(tmp_path):
    if os.geteuid() == 0:  # root may write into any folder, but not on a read-only file system
        yield from mounted(tmp_path / "read-only", "ro")
    else:
        tmp_path.chmod(0o500)
        yield tmp_path


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system with room for the journal's first lines and no more."""
    yield from mounted(tmp_path / "tiny", "size=12k")


def test_a_folder_that_is_read_only_is_refused_before_anything_runs(read_only):
    outcome = run(read_only)
    assert outcome.exit_code == 2
    assert "can be written" in outcome.output
    assert list(read_only.iterdir()) == []


def test_on_a_full_disk_the_verdict_is_told_and_the_record_kept_elsewhere(tiny_disk):
    output = run(tiny_disk).output
    assert "No space left on device" in output
    assert "3 layers are partly checked" in output
    kept = Path(output.partition("it is in ")[2].split()[0])
    assert len({r.layer for r in load_run(kept).results}) == 3
    kept.unlink()
