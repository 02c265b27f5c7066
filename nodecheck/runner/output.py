"""The output of a child process: read all the time, so that the process never waits, and kept in part."""

from __future__ import annotations

import os
import re
import select
import threading
from multiprocessing.connection import Connection

# Bytes that are kept of the beginning and of the end: enough to recognise a traceback, or a loop that prints.
_HEAD, _TAIL = 1500, 1500
_CHUNK = 65_536  # bytes, the size of a pipe
_SECONDS_BETWEEN_LOOKS = 0.2  # between two looks whether reading is to stop
_INSTALLED = re.compile(r"[^\s\"'(]*/(?=site-packages/|lib/python3\.\d+/)")


class Output:
    """The beginning and the end of what comes through a pipe.

    A thread reads all the time: a pipe holds 64 kB, and a process that prints more into a pipe that nobody
    reads waits for ever.
    """

    def __init__(self, pipe: Connection) -> None:
        self._fd = pipe.fileno()
        self._pipe = pipe
        os.set_blocking(self._fd, False)
        self._lock = threading.Lock()
        self._head, self._tail, self._total = b"", b"", 0
        self._open = True
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def take(self) -> str:
        """Return the text since the last call."""
        with self._lock:
            self._drain()
            text = self._text()
            self._head, self._tail, self._total = b"", b"", 0
        return text

    def close(self) -> None:
        """Stop reading."""
        self._open = False
        self._thread.join()
        self._pipe.close()

    def _read(self) -> None:
        while self._open:
            if select.select([self._fd], [], [], _SECONDS_BETWEEN_LOOKS)[0]:
                with self._lock:
                    if self._drain():
                        return  # all writers are gone

    def _drain(self) -> bool:
        """Read what is there; return True if no more can come.  The caller holds the lock."""
        while True:
            try:
                chunk = os.read(self._fd, _CHUNK)
            except BlockingIOError:
                return False
            if not chunk:
                return True
            self._total += len(chunk)
            room = max(0, _HEAD - len(self._head))
            self._head += chunk[:room]
            self._tail = (self._tail + chunk[room:])[-_TAIL:]

    def _text(self) -> str:
        left_out = self._total - len(self._head) - len(self._tail)
        middle = f"\n[... {left_out} bytes ...]\n".encode() if left_out else b""
        return without_folders((self._head + middle + self._tail).decode("utf-8", "replace").strip())


def without_folders(text: str) -> str:
    """Return the text with paths relative to the current directory, or to the installation of Python.

    A report is read on other machines, and equal runs on two machines should give the same text.
    """
    return _INSTALLED.sub("", text.replace(f"{os.getcwd()}{os.sep}", ""))
