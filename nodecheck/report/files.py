"""The files that a run writes into its folder: each is written as a whole, or not at all."""

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
_HEAD = 2000  # bytes of a page that hold the name of its writer
# Files for readers and for continuous integration, each with the module whose `render` returns it.
_VIEWS = {
    "junit.xml": "nodecheck.report.junit",
    "summary.md": "nodecheck.report.markdown",
    PAGE: "nodecheck.report.html",
}


def write_record(run: Run, folder: Path) -> Iterator[str]:
    """Write run.json, if need be into the folder of temporary files; yield a message for each failure."""
    from nodecheck.results import to_json

    data = to_json(run)
    try:
        replace_file(folder / RECORD, data)
    except OSError as error:
        yield f"{folder / RECORD} could not be written ({error.strerror}){_rescued(data)}"


def write_views(run: Run, folder: Path) -> Iterator[str]:
    """Write the files for readers; yield a message for each that could not be written."""
    for name, module in _VIEWS.items():
        place = {"place": str(folder)} if name == PAGE else {}  # a page has commands that name it
        text: str = importlib.import_module(module).render(run, **place)
        yield from _written(folder / name, text)
    yield from write_layer_pages(run, folder / PAGE)


def write_layer_pages(run: Run, overview: Path) -> Iterator[str]:
    """Write the pages beside the overview, if the run has any, in place of those of an earlier run.

    Yield a message for each that could not be written.
    """
    from nodecheck.report.layer_pages import layer_pages
    from nodecheck.report.page_plan import LAYERS

    folder = overview.parent
    pages = dict(layer_pages(run, overview.name, str(folder)))
    for old in (folder / LAYERS).glob("*.html"):
        if f"{LAYERS}/{old.name}" not in pages and _is_ours(old):
            old.unlink(missing_ok=True)
    for name, text in pages.items():
        with contextlib.suppress(OSError):  # writing the file says what is wrong
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        yield from _written(folder / name, text)


def _is_ours(page: Path) -> bool:
    """Return True for a page that a nodecheck has written."""
    with contextlib.suppress(OSError), page.open("rb") as file:
        return b'name="generator" content="nodecheck' in file.read(_HEAD)
    return False


def _written(path: Path, text: str) -> Iterator[str]:
    """Write a file; yield a message if that fails."""
    try:
        replace_file(path, text.encode("utf-8"))
    except OSError as error:
        yield f"{path} could not be written ({error.strerror})"


def annotate_github(run: Run) -> None:
    """Under GitHub Actions, print annotations and append to the summary of the step; else do nothing."""
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
    """Write a file at once: readers find the old one or the new one, never a part.

    Raises
    ------
    OSError
        If it cannot be written; an old file is then unchanged.
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
    """Write the record to a temporary file; return a phrase that names it, "" if that fails too."""
    try:
        handle, name = tempfile.mkstemp(prefix="nodecheck-", suffix="-run.json")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except OSError:
        return ""
    return f"; it is in {name}"
