"""The files that a run leaves in its folder: each is there whole, or not at all."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodecheck.results import Run

RECORD = "run.json"
PAGE = "index.html"
# What a reader or a continuous integration service opens, and the module whose `render` makes it.
_VIEWS = {
    "junit.xml": "nodecheck.report.junit",
    "summary.md": "nodecheck.report.markdown",
    PAGE: "nodecheck.report.html",
}


def write_record(run: Run, folder: Path) -> Iterator[str]:
    """Write run.json, into the folder of temporary files if it must be; yield what went wrong."""
    from nodecheck.results import to_json

    data = to_json(run)
    try:
        replace_file(folder / RECORD, data)
    except OSError as error:
        yield f"{folder / RECORD} could not be written ({error.strerror}){_rescued(data)}"


def write_views(run: Run, folder: Path) -> Iterator[str]:
    """Write the files that show the run; yield what could not be written, and why."""
    for name, module in _VIEWS.items():
        text: str = importlib.import_module(module).render(run)
        try:
            replace_file(folder / name, text.encode("utf-8"))
        except OSError as error:
            yield f"{folder / name} could not be written ({error.strerror})"


def tell_github(run: Run) -> None:
    """Under GitHub Actions, annotate the lines of a workflow and append the summary of its step."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    from nodecheck.report import annotations, markdown

    sys.stdout.write(annotations.render(run))
    sys.stdout.flush()
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with contextlib.suppress(OSError), open(summary, "a", encoding="utf-8") as file:
            file.write(markdown.render(run))


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that whoever looks finds the old one or the new one, never a part.

    Raises
    ------
    OSError
        If it cannot be written; the old file, if any, is still there.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _rescued(data: bytes) -> str:
    """Keep the record elsewhere, and say where: what was measured took minutes."""
    try:
        handle, name = tempfile.mkstemp(prefix="nodecheck-", suffix="-run.json")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except OSError:
        return ""
    return f"; it is in {name}"
