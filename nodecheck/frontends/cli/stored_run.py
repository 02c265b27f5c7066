"""A stored run as an argument of a command; a file that holds no run is a usage error (exit code 2)."""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nodecheck.results import Run

_LONGEST_PATH = 200  # characters in a message


def run_file(path: str | Path) -> Path:
    """Return the file of a run that is named by its file or by its folder."""
    from nodecheck.report.files import RECORD

    return Path(path) / RECORD if os.path.isdir(path) else Path(path)


def read_run(path: str | Path) -> Run:
    """Return the run that is stored at `path`, a file or the folder that it was written into.

    Raises
    ------
    click.BadParameter
        If there is no file that can be read, or it holds no run of this schema version.
    """
    from nodecheck.report.numbers import shorten
    from nodecheck.results import from_json

    file = run_file(path)
    place = shorten(str(file), _LONGEST_PATH)
    try:
        data = file.read_bytes()
    except (OSError, ValueError) as error:  # a path with a zero byte is a ValueError
        received = getattr(error, "strerror", None) or str(error)
        message = f"{place}: expected a run.json that can be read, got: {received}; name another"
        raise click.BadParameter(message) from error
    try:
        return from_json(data)
    except ValueError as error:
        message = f"{place}: {error}"
        raise click.BadParameter(message) from error


def stored_run(_context: click.Context, _parameter: click.Parameter, path: str) -> Run:
    """Return the run at the path of an argument: a callback for `click.argument`."""
    return read_run(path)
