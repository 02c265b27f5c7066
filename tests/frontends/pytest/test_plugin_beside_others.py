"""The plugin beside pytest-timeout, pytest-cov, pytest-randomly and a worker of xdist that crashes."""

from __future__ import annotations

import pytest
from suites import LAYERS, STRICT, run_pytest, write

from nodecheck.results import Status, load_run

pytestmark = pytest.mark.slow
pytest.importorskip("pytest_cov")
pytest.importorskip("pytest_randomly")
pytest.importorskip("pytest_timeout")
pytest.importorskip("xdist")
MORE = LAYERS + "\nLAYERS = [ENDLESS, RIGHT]\n"
TESTS = """
import pytest
import nodecheck
from layers import endless, rk4

ENDLESS = nodecheck.TorchLayer("endless-too", endless)

@pytest.mark.timeout(2)
@nodecheck.parametrize(ENDLESS, profile="smoke", select="forward-pass")
def test_endless(check):
    check()

@pytest.mark.timeout(100)
@nodecheck.parametrize(nodecheck.TorchLayer("quick", rk4), profile="smoke", select="constant-field")
def test_quick(check):
    check()
"""
CONFTEST = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid.startswith("nodecheck::endless"):
            item.add_marker(pytest.mark.timeout(4))
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = write(
        tmp_path_factory.mktemp("beside"),
        layers__py=MORE,
        test_mine__py=TESTS,
        conftest__py=CONFTEST,
        pyproject__toml=STRICT,
    )
    nodecheck = ("--nodecheck", "layers.py:LAYERS", "--nodecheck-profile", "smoke")
    chosen = ("--nodecheck-select", "constant-field", "--nodecheck-output", "out")
    others = ("--cov=layers", "--cov-report=term", "-p", "randomly", "-p", "timeout")
    return run_pytest(folder, "-v", *nodecheck, *chosen, *others, "-p", "no:faulthandler")


def test_a_layer_that_hangs_is_ended_by_pytest_timeout(session):
    assert session.outcomes["nodecheck::endless::adapter"] == "FAILED"
    assert "Timeout (>4.0s) from pytest-timeout" in session.failure("endless: adapter")


def test_what_means_nothing_after_that_is_skipped(session):
    assert session.outcomes["nodecheck::endless::forward-pass"] == "SKIPPED"
    assert "means nothing while adapter does not end" in session.output


def test_the_layers_behind_it_go_on_in_processes_of_their_own(session):
    assert session.outcomes["nodecheck::right::constant-field"] == "PASSED"


def test_a_test_that_hangs_is_ended_by_pytest_timeout(session):
    found = [outcome for item, outcome in session.outcomes.items() if "test_endless" in item]
    assert "FAILED" in found
    assert set(found) <= {"FAILED", "SKIPPED"}
    assert "Timeout (>2.0s) from pytest-timeout" in session.output


def test_what_was_ended_is_an_error_of_the_record(session):
    run = load_run(session.folder / "out" / "run.json")
    for layer in ("endless", "endless-too"):
        errors = [r for r in run.of_layer(layer) if r.status is Status.ERROR]
        assert errors
        assert all("Timeout" in r.reason for r in errors)


def test_the_coverage_of_this_process_is_measured(session):
    assert any(line.startswith("layers.py") for line in session.output.splitlines())


def test_shuffled_tests_pass_like_others(session):
    assert "Using --randomly-seed=" in session.output
    found = {outcome for item, outcome in session.outcomes.items() if "test_quick" in item}
    assert found == {"PASSED"}


def test_the_checks_of_a_target_keep_their_order(session):
    items = [item for item in session.outcomes if item.startswith("nodecheck::")]
    checks = ("adapter", "forward-pass", "constant-field")
    assert items == [f"nodecheck::{layer}::{check}" for layer in ("endless", "right") for check in checks]


CRASH = """
import nodecheck
from layers import crashing, rk4

LAYERS = [nodecheck.TorchLayer("crashing", crashing), nodecheck.TorchLayer("right", rk4)]

@nodecheck.parametrize(LAYERS, profile="smoke", select="forward-pass")
def test_mine(check):
    check()
"""


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    folder = write(
        tmp_path_factory.mktemp("crash"), layers__py=LAYERS, test_mine__py=CRASH, pyproject__toml=STRICT
    )
    more = ("-p", "no:faulthandler", "-p", "no:randomly", "-k", "forward-pass")
    return run_pytest(folder, "-v", "-n", "1", "--nodecheck-output", "out", *more)


def test_a_test_that_takes_its_worker_with_it_is_an_error_of_the_record(crashed):
    run = load_run(crashed.folder / "out" / "run.json")
    (result,) = run.of_layer("crashing")
    assert (result.check, result.status) == ("forward-pass", Status.ERROR)
    assert "crashed while running" in result.reason


def test_the_tests_behind_it_are_in_the_record(crashed):
    run = load_run(crashed.folder / "out" / "run.json")
    assert [(r.check, r.status) for r in run.of_layer("right")] == [("forward-pass", Status.PASSED)]
