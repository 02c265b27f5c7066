"""What becomes a part of the record, and what does not."""

from __future__ import annotations

import pytest
from suites import QUICK, write

from nodecheck.results import load_run

TESTS = """
from dataclasses import replace
import nodecheck
from layers import RIGHT

@nodecheck.parametrize(replace(RIGHT, order=3), profile="smoke", select="constant-field")
def test_mine(check):
    check()
"""
OF_BOTH = (
    "--nodecheck",
    "layers.py:RIGHT",
    "--nodecheck",
    "layers.py:WRONG",
    *QUICK,
    "--nodecheck-output",
    "out",
)


@pytest.fixture
def record(here, folder, monkeypatch):
    """Run pytest and return the record."""
    monkeypatch.syspath_prepend(folder)
    write(folder, test_mine__py=TESTS)

    def run(*arguments):
        here(*OF_BOTH, *arguments)
        return load_run(folder / "out" / "run.json")

    return run


def test_a_layer_all_of_whose_items_are_deselected_is_not_in_it(record):
    found = record("-k", "nodecheck and right and not mine")
    assert {r.layer for r in found.results} == {card.name for card in found.layers} == {"right"}


def test_what_was_deselected_of_a_layer_is_not_in_it(record):
    found = record("-k", "nodecheck and right and constant-field and not mine")
    assert [r.check for r in found.results] == ["constant-field"]


def test_a_check_that_is_never_asked_is_in_it_with_the_reason(record):
    found = record("--nodecheck-select", "*-tolerance", "-k", "nodecheck and right and not mine")
    reasons = {r.check: r.reason for r in found.results}
    assert reasons["forward-tolerance"] == "asked only of adaptive layers"


def test_two_layers_of_one_name_are_told(record):
    found = record("-k", "right")
    assert found.warnings == ("Several layers are called 'right': the later results stand here.",)


def test_a_session_that_ends_at_the_first_failure_says_that_it_is_not_whole(record):
    found = record("-x", "nodecheck::wrong")
    assert any("stopped before all items had run" in warning for warning in found.warnings)


def test_without_the_plugin_tests_of_layers_still_run(here, folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    write(folder, test_mine__py=TESTS)
    code, ids, told = here("-p", "no:nodecheck", "test_mine.py")
    assert len(ids) == 3
    assert code == pytest.ExitCode.OK, told
