"""A script, run in a process that is there for nothing else."""

from __future__ import annotations

import os
import runpy
import sys


def run_script(path: str, printed: str) -> None:
    """Run the script at `path`; all that it prints, and its traceback, go to the file `printed`."""
    with open(printed, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    runpy.run_path(path, run_name="__main__")
