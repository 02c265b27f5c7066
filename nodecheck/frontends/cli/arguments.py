"""What the commands that load layers share: texts, the output folder, and what is said on errors."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nodecheck.targets.loading import Loaded

TARGETS = """\b
TARGET is
  a registered name          odelayer, torchdiffeq, ... (see `nodecheck list layers`)
  package.module:object      a TorchLayer, or a sequence of them
  path/file.py:object        the same, in a file
"""
EXIT_CODES = """\b
Exit codes:
  0  nothing failed              3    a target could not be loaded
  1  failed, error or xpassed    5    nothing was run
  2  usage or configuration      130  interrupted
"""
_LONGEST_FOLDER_NAME = 80


def folder_name(targets: tuple[str, ...]) -> str:
    """Return a folder name for the targets: their letters and digits."""
    words = ["-".join(re.findall(r"\w+", Path(target).name)) for target in targets]
    return ("+".join(words) or "run")[:_LONGEST_FOLDER_NAME]


def make_folder(folder: Path) -> None:
    """Create the output folder before anything is measured that could be lost."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        message = (
            f"--output must be a folder that can be written, got {folder} ({error.strerror}); name another"
        )
        raise click.UsageError(message) from error


def complain(loaded: Loaded[Any], *, debug: bool) -> None:
    """Say what could not be loaded; a target that is not written correctly ends the command."""
    for error in [*loaded.usage_errors.values(), *loaded.load_errors.values()]:
        click.echo(f"Error: {error}", err=True)
    if debug:
        click.echo("\n".join(loaded.tracebacks.values()), err=True)
    if loaded.usage_errors:
        sys.exit(2)


def use_one_thread() -> None:
    """Keep torch to one thread: on problems this small, threads only wait for each other."""
    import torch

    torch.set_num_threads(1)
