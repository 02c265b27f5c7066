"""Results as plain data on the reports of pytest: xdist sends them from its workers to the controller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import pytest

from nodecheck.frontends.pytest.layer_check import LayerCheck
from nodecheck.frontends.pytest.text import failure, headline
from nodecheck.report.numbers import bound, clean, shorten
from nodecheck.results import LayerCard, Result, Status
from nodecheck.runner.journal import decode, encode

_ATTRIBUTE = "nodecheck"
# Stands where pytest names a file and a line: lines of nodecheck would not help the reader.
_PLACE = "nodecheck"
_WRONG = (Status.FAILED, Status.ERROR, Status.XPASSED, Status.XFAILED)


def numbers(results: Iterable[Result]) -> Iterator[tuple[str, object]]:
    """Yield the properties for pytest's own JUnit file: each value with its bound."""
    for result in results:
        where = f"{shorten(result.problem)}: " if result.problem else ""
        yield f"{where}status", result.status.value
        for m in result.measurements:
            yield f"{where}{clean(m.name)}", f"{m.value!r}, {bound(m)}"


def announce(report: pytest.TestReport, subject: LayerCheck) -> None:
    """Attach an error to the report of the setup: it holds if the call crashes the process."""
    setattr(report, _ATTRIBUTE, pack(subject, [subject.lost("")]))


def seal(report: pytest.TestReport, subject: LayerCheck) -> None:
    """Attach the results to the report of the call, and shorten its summary."""
    results = subject.results
    if not subject.complete:
        if not report.failed:
            return  # skipped, say, before the check was called
        results = (*results, subject.lost(_why(report)))
    elif hasattr(report, "wasxfail"):
        report.longrepr = failure([result for result in results if result.status in _WRONG])
    elif report.skipped:
        put_in_place(report)
    elif report.failed:
        wrong = [result for result in results if result.status in _WRONG]
        crash = getattr(report.longrepr, "reprcrash", None)  # not in every style of traceback
        if wrong and crash is not None:
            crash.message, crash.path = headline(wrong[0]), _PLACE
    setattr(report, _ATTRIBUTE, pack(subject, results))


def put_in_place(report: pytest.TestReport) -> None:
    """Report a skip at the test, not at the line of nodecheck that skipped it."""
    if isinstance(report.longrepr, tuple):
        file, line, _ = report.location
        place = (_PLACE, None) if line is None else (file, line + 1)
        report.longrepr = (*place, report.longrepr[2])


def pack(subject: LayerCheck, results: Iterable[Result]) -> dict[str, Any]:
    """Return results, with their layer and plan, as plain data."""
    return {
        "card": asdict(subject.card),
        "profile": subject.plan.profile.name,
        "seed": subject.plan.seed,
        "results": [encode(result).decode() for result in results],
    }


def unpack(data: dict[str, Any]) -> tuple[LayerCard, list[Result]]:
    """Return the layer and the results that were packed."""
    return LayerCard(**data["card"]), [decode(line.encode()) for line in data["results"]]


def packed_in(report: pytest.TestReport) -> dict[str, Any] | None:
    """Return the plain data that a report carries, or None."""
    return getattr(report, _ATTRIBUTE, None)


def _why(report: pytest.TestReport) -> str:
    """Return the last sentence of pytest about a failure."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return shorten(str(crash.message if crash is not None else report.longrepr), 300)
