"""Known faults of registered layers are confirmed without nodecheck, and looked up by layer and check."""

from __future__ import annotations

import fnmatch
import multiprocessing
import subprocess
import sys
from collections import Counter
from importlib.resources import files

import pytest
from scripts import run_script

import nodecheck
from nodecheck.checks import CHECKS
from nodecheck.targets.known_failures import FINDINGS, confirmation, expected_failures
from nodecheck.targets.registry import MissingLibrary, registered_layers

FOLDER = files("nodecheck.targets") / "confirmations"


def layers_of(library):
    try:
        return registered_layers(library)
    except MissingLibrary as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def processes():
    """Processes forked from one that has imported the libraries: torch alone takes seconds."""
    context = multiprocessing.get_context("forkserver")
    libraries = sorted({finding.library for finding in FINDINGS})
    context.set_forkserver_preload([f"nodecheck.targets.third_party.{name}" for name in libraries])
    return context


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.script)
class TestFinding:
    def test_its_script_shows_what_the_reason_says(self, finding, tmp_path, processes):
        layers_of(finding.library)
        script, printed = tmp_path / f"{finding.script}.py", tmp_path / "printed.txt"
        script.write_text(finding.source(), encoding="utf-8")
        process = processes.Process(target=run_script, args=(str(script), str(printed)))
        process.start()
        process.join(timeout=120)
        process.kill()
        assert process.exitcode == 0, printed.read_text()
        assert printed.read_text().strip()

    def test_its_script_can_fail(self, finding):
        assert "assert " in finding.source() or "raise AssertionError" in finding.source()

    def test_its_script_does_without_nodecheck(self, finding):
        assert "nodecheck" not in finding.source()

    def test_its_script_is_about_ten_lines_long(self, finding):
        assert len([line for line in finding.source().splitlines() if line.strip()]) <= 20

    def test_its_script_says_what_it_shows(self, finding):
        assert finding.source().startswith('"""')

    def test_its_reason_is_a_sentence(self, finding):
        assert finding.reason.endswith(".")

    def test_its_thread_is_an_address_of_a_public_discussion(self, finding):
        assert finding.thread == "" or finding.thread.startswith("https://github.com/")

    def test_it_fails_checks_that_exist(self, finding):
        named = {check.partition(":")[0] for checks in finding.failing.values() for check in checks}
        assert named <= {check.id for check in CHECKS}

    def test_it_concerns_layers_that_exist(self, finding):
        names = [layer.name for layer in layers_of(finding.library)]
        assert [pattern for pattern in finding.failing if not fnmatch.filter(names, pattern)] == []


def test_every_script_belongs_to_a_finding():
    scripts = {path.name.removesuffix(".txt") for path in FOLDER.iterdir()}
    assert scripts == {finding.script for finding in FINDINGS}


@pytest.mark.parametrize("library", sorted({finding.library for finding in FINDINGS}))
def test_a_failure_has_one_cause_only(library):
    for layer in layers_of(library):
        causes = Counter(
            check
            for finding in FINDINGS
            for pattern, checks in finding.failing.items()
            if fnmatch.fnmatchcase(layer.name, pattern)
            for check in checks
        )
        assert set(causes.values()) <= {1}, layer.name


@pytest.mark.parametrize("library", sorted({finding.library for finding in FINDINGS}))
def test_a_layer_carries_what_is_known_of_it(library):
    for layer in layers_of(library):
        assert dict(layer.expected_failures) == expected_failures(layer.name)


def test_an_expected_failure_has_its_script():
    name, check = "torchdiffeq-odeint-implicit_adams", "batch-independence"
    assert "four times" in expected_failures(name)[check]
    assert "implicit_adams" in confirmation(name, check)


def test_a_failure_on_some_problems_alone_has_its_script_too():
    name = "torchdyn-adjoint-euler"
    assert expected_failures(name).keys() >= {"gradient-order:*_reversed*"}
    assert "interpolated_adjoint" in confirmation(name, "gradient-order")


def test_a_reason_names_the_thread_where_there_is_one():
    assert (
        "https://github.com/DiffEqML/torchdyn/issues/156"
        in (expected_failures("torchdyn-adjoint-ieuler")["backward-pass"])
    )


@pytest.mark.parametrize(
    ("layer", "check"),
    [("torchdiffeq-odeint-implicit_adams", "forward-pass"), ("mine", "batch-independence"), ("", "")],
)
def test_what_is_not_known_has_no_script(layer, check):
    assert confirmation(layer, check) == ""


def test_our_own_layers_are_expected_to_pass_everything():
    assert all(not layer.expected_failures for layer in registered_layers("odelayer"))


def test_looking_up_a_script_imports_no_torch():
    code = (
        "import importlib.util, sys\n"
        "from pathlib import Path\n"
        "import nodecheck\n"
        "path = Path(nodecheck.__file__).parent / 'targets' / 'known_failures.py'\n"
        "spec = importlib.util.spec_from_file_location('findings', path)\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "sys.modules['findings'] = module\n"
        "spec.loader.exec_module(module)\n"
        "assert module.confirmation('torchdiffeq-odeint-implicit_adams', 'batch-independence')\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.filterwarnings("ignore:Functional iteration did not converge")
def test_the_script_is_the_reproducer_of_an_expected_failure():
    (layer,) = (x for x in layers_of("torchdiffeq") if x.name == "torchdiffeq-odeint-implicit_adams")
    results = nodecheck.run(layer, select="batch-independence").results
    (found,) = (result for result in results if result.check == "batch-independence")
    assert found.status == "xfailed"
    assert found.reproducer == confirmation(layer.name, found.check)
