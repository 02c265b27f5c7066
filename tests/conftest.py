"""Shared by all tests: one thread, the slow files first, and a reason where CUDA tests are skipped."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A first example may import or compile, and the machine may be busy: no time limit for a single example.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

# On problems this small, threads only wait for each other; read when torch and NumPy are loaded, after this.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests start many processes; each would compile all of nodecheck anew, and pytest rewrite its assertions.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


# Files whose tests take more than twelve seconds together, on one of two busy cores: they are `slow`.
SLOW = {
    "bad_worlds/test_bad_memory.py",
    "bad_worlds/test_interruptions.py",
    "checks/memory/test_memory.py",
    "checks/test_device.py",
    "checks/test_every_check.py",
    "checks/test_false_alarms.py",
    "checks/tolerance/test_adaptive.py",
    "diagnosis/forward/test_explanations.py",
    "diagnosis/gradient/test_explain_gradient.py",
    "diagnosis/test_wrong_layers.py",
    "frontends/cli/test_check_configuration.py",
    "frontends/cli/test_check_on_own_fields.py",
    "frontends/cli/test_cli.py",
    "frontends/cli/test_imports_of_commands.py",
    "frontends/cli/test_replay_command.py",
    "frontends/pytest/test_plugin_beside_others.py",
    "frontends/pytest/test_plugin_collection.py",
    "frontends/pytest/test_plugin_in_a_package.py",
    "frontends/pytest/test_plugin_record.py",
    "frontends/pytest/test_plugin_session.py",
    "measure/memory/test_ladder.py",
    "mutants/test_adaptive_mutants.py",
    "mutants/test_mutants.py",
    "neural_ode/test_odelayer_gradient.py",
    "neural_ode/test_odelayer_reversible.py",
    "own_model/test_audit_verdicts.py",
    "own_model/test_monitored_training.py",
    "report/test_report_html.py",
    "runner/test_own_problems_in_runs.py",
    "targets/test_known_failures.py",
}
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _in_slow_file(item):
            item.add_marker(pytest.mark.slow)
    # A slow file that begins last would keep one core busy while the others wait.
    items.sort(key=lambda item: not _in_slow_file(item))
    _skip_cuda(items)


def _in_slow_file(item: pytest.Item) -> bool:
    return item.path.is_relative_to(_HERE) and item.path.relative_to(_HERE).as_posix() in SLOW


def _skip_cuda(items: list[pytest.Item]) -> None:
    import torch

    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="no CUDA device on this machine")
    for item in items:
        if item.get_closest_marker("cuda"):
            item.add_marker(skip)
