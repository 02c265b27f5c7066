"""The journal of a run: each result on its own line as soon as it is measured, to resume from."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from nodecheck.results import Result

_NAME = "journal.jsonl"


@functools.cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Result)


def prepare() -> None:
    """Build the reader and writer of results now: a tenth of a second that nobody then waits for."""
    _adapter()


def encode(result: Result) -> bytes:
    """Return a result as one line of JSON."""
    line: bytes = _adapter().dump_json(result)
    return line


def decode(line: bytes) -> Result:
    """Return the result on a line, its status computed anew.

    Raises
    ------
    ValueError
        If the line is not a result.
    """
    result: Result = _adapter().validate_json(line)
    return result


class FolderInUse(Exception):
    """Another run writes to the same folder."""


class OtherRun(Exception):
    """The journal is that of a run with other targets or options."""


class Journal(contextlib.AbstractContextManager["Journal"]):
    """The journal in the output folder of a run; at most one process has it open.

    At the end the file is removed if the run is complete, or if nothing was measured.

    Parameters
    ----------
    folder
        The output folder.
    identity
        The values that two runs must share for one to resume the other.
    resume
        True to keep the results of an interrupted run with the same identity.

    Attributes
    ----------
    done
        The results of the interrupted run.
    trouble
        The reason why results could not be written, or "": a full disk must not end the run.
    complete
        To be set to True once the record of the run is written.

    Raises
    ------
    FolderInUse
        If another run has the journal open.
    OtherRun
        If the journal to resume is that of another run.
    OSError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], *, resume: bool = False) -> None:
        self._path = folder / _NAME
        self._file = open(self._path, "a+b", buffering=0)  # noqa: SIM115
        self.trouble, self.complete, self._results = "", False, 0
        try:
            _lock(self._file, folder)
            self.done = self._kept(identity) if resume else ()
        except BaseException:
            self._file.close()
            raise
        self._file.truncate(0)
        self._write(json.dumps(identity).encode())
        for result in self.done:
            self.append(result)

    def append(self, result: Result) -> None:
        """Write a result."""
        self._write(encode(result))
        self._results += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.complete or not self._results:
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._file.close()

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line + b"\n")
        except OSError as error:
            self.trouble = str(error)

    def _kept(self, identity: Mapping[str, Any]) -> tuple[Result, ...]:
        """Return the results in the journal; a line that was cut or damaged is left out."""
        self._file.seek(0)
        lines = self._file.read().split(b"\n")[:-1]
        if not lines:
            return ()
        try:
            written = json.loads(lines[0])
        except ValueError:
            written = None
        if written != identity:
            message = f"{self._path} was written by a run of {_differences(written, identity)}"
            raise OtherRun(message)
        found = []
        for line in lines[1:]:
            with contextlib.suppress(ValueError):
                found.append(decode(line))
        return tuple({r.id: r for r in found}.values())


def _differences(written: Any, identity: Mapping[str, Any]) -> str:
    """Return the differences between the run of a journal and the run that is to resume it."""
    if not isinstance(written, dict):
        return "another program"
    different = [key for key in identity if written.get(key) != identity[key]]
    return ", ".join(f"{key} {written.get(key)!r} (not {identity[key]!r})" for key in different)


def _lock(file: Any, folder: Path) -> None:
    """Lock the file until it is closed or the process dies, on systems that have such locks."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        message = f"{folder} is in use by another run"
        raise FolderInUse(message) from error
