"""A script that is run: in a process that is kept, or in an interpreter of its own."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Trial:
    """The outcome of a script.

    Attributes
    ----------
    error, bound
        What the script measured and what it allows; NaN where it ended before.
    raised
        The error that ended it before it had measured; "" for none.
    """

    error: float = math.nan
    bound: float = math.nan
    raised: str = ""

    @property
    def fails(self) -> bool:
        """True if the script measured a fault."""
        return not self.raised and not self.error <= self.bound

    @property
    def passes(self) -> bool:
        """True if the script measured, and found none."""
        return not self.raised and self.error <= self.bound

    @property
    def magnitude(self) -> float:
        """Orders of magnitude of the error above its bound."""
        if not self.error < math.inf or self.bound <= 0:
            return math.inf
        return math.log10(self.error / self.bound)


def run_script(text: str) -> Trial:
    """Return the outcome of a script that is run in this process."""
    import contextlib
    import io
    import warnings

    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(compile(text, "script", "exec"), names)
        except AssertionError:
            pass  # the last line of a script that shows the fault: its numbers are read below
        except (Exception, SystemExit) as error:
            return Trial(raised=f"{type(error).__name__}: {error}")
    try:
        return Trial(float(names["error"]), float(names["bound"]))
    except (KeyError, TypeError, ValueError) as error:
        return Trial(raised=f"{type(error).__name__}: {error}")


class Laboratory:
    """A process in which scripts are run one after the other; one that takes too long is ended."""

    def __init__(self) -> None:
        from pebble import ProcessPool

        from nodecheck.runner import forkserver

        self._pool = ProcessPool(max_workers=1, context=forkserver.context())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    def call(self, function: Any, *arguments: Any, seconds: float) -> Any:
        """Call a function in the other process and return its result.

        Raises
        ------
        TimeoutError
            If it takes longer.
        pebble.ProcessExpired
            If the process ends.
        """
        return self._pool.schedule(function, args=arguments, timeout=seconds).result()

    def run(self, text: str, seconds: float) -> Trial:
        """Return the outcome of a script; a process that ends or takes too long has raised."""
        from pebble import ProcessExpired

        try:
            trial: Trial = self.call(run_script, text, seconds=seconds)
        except (TimeoutError, ProcessExpired) as error:
            return Trial(raised=type(error).__name__)
        return trial


def fails_alone(text: str, seconds: float) -> bool:
    """Return True if a script, in an interpreter of its own, ends with the assertion that it makes."""
    done = _alone(text, seconds)
    if done is None:
        return False
    last = done.stderr.strip().rpartition("\n")[2]
    return done.returncode == 1 and last.startswith("AssertionError") and "expected " in done.stdout


def runs_alone(text: str, seconds: float) -> bool:
    """Return True if a script, in an interpreter of its own, ends without an error."""
    done = _alone(text, seconds)
    return done is not None and done.returncode == 0


def _alone(text: str, seconds: float) -> subprocess.CompletedProcess[str] | None:
    """Return the outcome of a script in an interpreter of its own; None if it takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "reproduce.py"
        file.write_text(text, encoding="utf-8")
        try:
            return subprocess.run(
                [sys.executable, str(file)], capture_output=True, text=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return None
