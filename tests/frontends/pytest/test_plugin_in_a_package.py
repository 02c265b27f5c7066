"""A package of somebody else, installed in an environment of its own, runs its own suite with the plugin."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from suites import run_pytest

from nodecheck.results import Status, load_run

pytestmark = pytest.mark.slow
pytest.importorskip("hatchling")
PACKAGE = Path(__file__).with_name("package")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Install the package where the libraries of this environment are seen, but nothing goes into it."""
    folder = tmp_path_factory.mktemp("package")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    source = shutil.copytree(PACKAGE, folder / "source")
    install = ("install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", str(source))
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
    assert (site / "heunode" / "checked.py").is_file()
    return run_pytest(source, "-v", python=str(python))


def test_the_suite_passes(session):
    assert session.code == pytest.ExitCode.OK, session.output


def test_its_layers_are_checked(session):
    found = {item: outcome for item, outcome in session.outcomes.items() if item.startswith("nodecheck::")}
    assert found["nodecheck::heunode::constant-field"] == "PASSED"
    assert found["nodecheck::heunode-grid::constant-field"] == "XFAIL"


def test_its_tests_are_run(session):
    assert session.outcomes["tests/test_heunode.py::test_a_field_that_is_zero_changes_nothing"] == "PASSED"
    mine = {o for item, o in session.outcomes.items() if "test_the_layer_is_right" in item}
    assert mine == {"PASSED"}


def test_its_report_is_written(session):
    run = load_run(session.folder / "report" / "run.json")
    assert {card.name for card in run.layers} == {"heunode", "heunode-grid", "from a lambda"}
    assert (session.folder / "report" / "index.html").is_file()


def test_its_configuration_says_what_is_expected(session):
    run = load_run(session.folder / "report" / "run.json")
    (known,) = (r for r in run.results if r.status is Status.XFAILED)
    assert known.expected == "n points are taken for n steps (https://example.org/heunode/issues/1)"
