"""The lines that show a failure again, as a page has them, and the command that writes a script of them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from nodecheck.report.statuses import WRONG
from nodecheck.results import Result, Status

_NODECHECK = re.compile(r"^\s*(import|from) nodecheck\b", re.MULTILINE)


@dataclass(frozen=True)
class Reproducer:
    """The lines that show a failure again.

    Attributes
    ----------
    text
        The lines; "" if the result has none.
    without_nodecheck
        True if they are a script that does without nodecheck.
    command
        The command that writes such a script; "" where there is one already, or nothing has failed.
    """

    text: str = ""
    without_nodecheck: bool = False
    command: str = ""


def reproducer_of(result: Result, run: str = "run.json") -> Reproducer:
    """Return the lines of a result, and the command that writes a script of it.

    Parameters
    ----------
    result
        A result of a run.
    run
        The file of the run, as the command names it.
    """
    script = bool(result.reproducer) and not _NODECHECK.search(result.reproducer)
    failed = result.status in (*WRONG, Status.XFAILED) and result.status is not Status.XPASSED
    command = shlex.join(["nodecheck", "reproduce", run, result.id]) if failed and not script else ""
    return Reproducer(result.reproducer, script, command)
