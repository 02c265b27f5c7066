"""Statuses of results as a reader sees them: order, symbol and word."""

from __future__ import annotations

from nodecheck.report.limits import STATEMENT
from nodecheck.report.numbers import shorten
from nodecheck.results import Result, Status

# The order in which statuses are reported, the worst first, with the symbol that stands beside each word.
SYMBOLS = {
    Status.FAILED: "✗",
    Status.ERROR: "!",
    Status.XPASSED: "↑",
    Status.INCONCLUSIVE: "?",
    Status.XFAILED: "~",
    Status.PASSED: "✓",
    Status.UNSUPPORTED: "–",
    Status.SKIPPED: "·",
}
_WORDS = {
    Status.XFAILED: "failed as expected",
    Status.XPASSED: "passed unexpectedly",
}
WRONG = (Status.FAILED, Status.ERROR)
NOT_APPLICABLE = (Status.SKIPPED, Status.UNSUPPORTED)


def status_word(status: Status) -> str:
    """Return the name of a status in a report."""
    return _WORDS.get(status, status.value)


def statement(result: Result) -> str:
    """Return the title of a result; of an error, whose title may hold or not, the name of the check."""
    if result.status is Status.ERROR:
        return f"{shorten(result.check)} ended in an error"
    return shorten(result.title or result.check, STATEMENT).rstrip(".")
