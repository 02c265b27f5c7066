"""The journal: what is written comes back, whatever happened to the file in between."""

from __future__ import annotations

import json
import math

import pytest

from nodecheck.results import Outcome, Result, Series, at_most
from nodecheck.runner.journal import FolderInUse, Journal, OtherRun, decode, encode

IDENTITY = {"targets": ["a.py:X"], "seed": 0}


def result(check, *, value=0.5):
    series = (Series("Memory", "held", (1.0, 2.0), (math.nan, 3.0)),)
    measurements = (at_most("error", value, 1.0),)
    return Result("mine", check, "p", Outcome.MEASURED, "holds", measurements=measurements, series=series)


def kept(folder, *, resume=True, identity=IDENTITY):
    with Journal(folder, identity, resume=resume) as journal:
        return journal.done


def left(folder, *results):
    """Leave what a run that was killed leaves."""
    with Journal(folder, IDENTITY) as journal:
        for one in results:
            journal.append(one)


@pytest.mark.parametrize("value", [0.5, math.nan, math.inf, 1e-300])
def test_a_result_comes_back_as_it_was(value):
    before = result("check", value=value)
    assert repr(decode(encode(before))) == repr(before)


def test_a_result_is_one_line():
    assert b"\n" not in encode(result("a\nb"))


def test_what_an_interrupted_run_has_measured_is_kept(tmp_path):
    left(tmp_path, result("a"), result("b"))
    assert [r.check for r in kept(tmp_path)] == ["a", "b"]


def test_what_was_kept_is_still_there_after_the_next_interruption(tmp_path):
    left(tmp_path, result("a"))
    assert len(kept(tmp_path)) == len(kept(tmp_path)) == 1


def test_without_resume_the_journal_begins_anew(tmp_path):
    left(tmp_path, result("a"))
    assert kept(tmp_path, resume=False) == ()
    assert not (tmp_path / "journal.jsonl").exists()


def test_a_line_that_was_cut_is_left_out(tmp_path):
    left(tmp_path, result("a"), result("b"))
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    assert [r.check for r in kept(tmp_path)] == ["a"]


def test_a_line_that_is_damaged_is_left_out(tmp_path):
    left(tmp_path, result("a"), result("b"))
    path = tmp_path / "journal.jsonl"
    head, first, second, _ = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([head, first[:20] + b"\xff" + first[20:], second, b""]))
    assert [r.check for r in kept(tmp_path)] == ["b"]


def test_the_journal_of_another_run_is_refused_with_the_difference(tmp_path):
    left(tmp_path, result("a"))
    with pytest.raises(OtherRun, match=r"seed 0 \(not 1\)"):
        kept(tmp_path, identity={**IDENTITY, "seed": 1})
    assert len(kept(tmp_path)) == 1


def test_a_file_that_is_no_journal_is_refused(tmp_path):
    (tmp_path / "journal.jsonl").write_text("[1, 2]\n")
    with pytest.raises(OtherRun, match="another program"):
        kept(tmp_path)


def test_a_folder_serves_one_run_at_a_time(tmp_path):
    with Journal(tmp_path, IDENTITY), pytest.raises(FolderInUse, match="in use by another run"):
        Journal(tmp_path, IDENTITY)


def test_the_journal_of_a_complete_run_is_removed(tmp_path):
    with Journal(tmp_path, IDENTITY) as journal:
        journal.append(result("a"))
        journal.complete = True
    assert list(tmp_path.iterdir()) == []


def test_the_first_line_says_which_run_it_is(tmp_path):
    left(tmp_path, result("a"))
    assert json.loads((tmp_path / "journal.jsonl").read_bytes().split(b"\n")[0]) == IDENTITY
