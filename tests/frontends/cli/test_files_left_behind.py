"""A run writes its output folder and nothing else, from whichever front end it is started."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SOURCE = """
from nodecheck import ODELayer, TorchLayer
LAYER = TorchLayer("mine", lambda dynamics, t0, t1, n_steps: ODELayer(dynamics, t0, t1, n_steps))
"""
CHECK = ("-m", "nodecheck", "check", "mine.py:LAYER", "--profile", "smoke", "--select", "constant-field")
PYTEST = ("-m", "pytest", "-p", "no:cacheprovider", "-p", "no:benchmark", "--nodecheck", "mine.py:LAYER")
PROFILE = ("--nodecheck-profile", "smoke", "--nodecheck-select", "constant-field")
CALL = "import mine, nodecheck; nodecheck.run(mine.LAYER, profile='smoke', select='constant-field')"
COMMANDS = {
    "check": ((*CHECK, "--output", "out"), {"mine.py", "out"}),
    "pytest": ((*PYTEST, *PROFILE, "--nodecheck-output", "out"), {"mine.py", "out"}),
    "run": (("-c", CALL), {"mine.py"}),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_but_the_output_folder_is_left_behind(tmp_path, name):
    arguments, files = COMMANDS[name]
    (tmp_path / "mine.py").write_text(SOURCE)
    told = ("PYTEST_", "COV_", "HYPOTHESIS_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(told)}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, *arguments], cwd=tmp_path, env=environment, check=True, timeout=300)
    assert set(os.listdir(tmp_path)) == files
