"""A run as JUnit XML for continuous integration servers: one test case for each result, with its numbers.

Layout: the schema of the Jenkins xUnit plugin (junit-10.xsd), with properties of a test case as pytest
writes them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from xml.etree import ElementTree

from nodecheck.report.numbers import bound, clean, sentence, shorten
from nodecheck.report.statuses import statement, status_word
from nodecheck.report.words import verdict
from nodecheck.results import Measurement, Result, Run, Status

_LONGEST_NAME, _LONGEST_MESSAGE, _LONGEST_TEXT = 200, 500, 20_000  # characters
_DIGEST = 8  # hexadecimal digits
_NO_VERDICT = (Status.XFAILED, Status.INCONCLUSIVE, Status.UNSUPPORTED, Status.SKIPPED)
_FAILED = (Status.FAILED, Status.XPASSED)
_LOADING = "nodecheck: loading of targets"


def render(run: Run) -> str:
    """Return the run as an XML document; equal runs give equal documents."""
    root = ElementTree.Element("testsuites", name="nodecheck")
    for name in dict.fromkeys(r.layer for r in run.results):
        cases = [(_case(r), r.status) for r in run.of_layer(name)]
        about = {"verdict": verdict(run, name).text}
        if run.left_out(name):
            about["checks not run"] = str(len(run.left_out(name)))
        _suite(root, name, run.started, cases, about)
    if run.load_errors:
        cases = [(_unloaded(target, text), Status.ERROR) for target, text in run.load_errors.items()]
        _suite(root, _LOADING, run.started, cases)
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    root.set("time", _seconds(sum(float(suite.get("time", "0")) for suite in root)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _suite(
    root: ElementTree.Element,
    name: str,
    started: str,
    cases: Sequence[tuple[ElementTree.Element, Status]],
    about: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Add a suite with its counts and, as properties, the verdict on the layer and what was left out."""
    statuses = [status for _, status in cases]
    attributes = {
        "name": _label(name),
        "tests": str(len(cases)),
        "failures": str(sum(s in _FAILED for s in statuses)),
        "errors": str(statuses.count(Status.ERROR)),
        "skipped": str(sum(s in _NO_VERDICT for s in statuses)),
        "time": _seconds(sum(float(case.get("time", "0")) for case, _ in cases)),
    }
    moment = _moment(started)
    suite = ElementTree.SubElement(root, "testsuite", attributes | ({"timestamp": moment} if moment else {}))
    if about:
        properties = ElementTree.SubElement(suite, "properties")
        for key, value in about.items():
            shown = shorten(value, _LONGEST_MESSAGE)
            ElementTree.SubElement(properties, "property", name=key, value=shown)
    suite.extend(case for case, _ in cases)


def _case(result: Result) -> ElementTree.Element:
    """Return the test case of a result: its numbers, and its fault or the reason for no verdict."""
    name = f"{result.check}[{result.problem}]" if result.problem else result.check
    case = _named(_label(result.layer), _label(name), result.seconds)
    numbers = [*map(_measured, result.measurements), *((m.name, repr(m.value)) for m in result.metrics)]
    properties = ElementTree.SubElement(case, "properties")
    for key, value in (("status", result.status.value), ("seed", str(result.seed)), *numbers):
        ElementTree.SubElement(
            properties, "property", name=shorten(key, _LONGEST_NAME), value=shorten(value, _LONGEST_NAME)
        )
    if result.status in _NO_VERDICT:
        reason = result.expected if result.status is Status.XFAILED else result.reason
        message = f"{status_word(result.status)}: {reason or 'nothing was measured'}"
        _because(case, "skipped", result.status, message, "")
    elif result.status is Status.ERROR:
        _because(case, "error", result.status, result.reason or statement(result), _explained(result))
    elif result.status is Status.XPASSED:
        message = f"passed, but was expected to fail ({result.expected}): remove the expectation"
        _because(case, "failure", result.status, message, "")
    elif result.status is Status.FAILED:
        _because(case, "failure", result.status, statement(result), _explained(result))
    if result.output:
        ElementTree.SubElement(case, "system-out").text = clean(result.output)
    return case


def _named(classname: str, name: str, seconds: float) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname=classname, name=name, time=_seconds(seconds))


def _measured(m: Measurement) -> tuple[str, str]:
    return m.name, f"{m.value!r}, {bound(m)}"


def _because(case: ElementTree.Element, tag: str, status: Status, message: str, text: str) -> None:
    """Add the element that says why a case did not pass."""
    child = ElementTree.SubElement(case, tag, type=status.value, message=shorten(message, _LONGEST_MESSAGE))
    kept = clean(text)
    child.text = kept if len(kept) <= _LONGEST_TEXT else f"{kept[:_LONGEST_TEXT]}\n… shortened"


def _explained(result: Result) -> str:
    """Return statement, numbers with their bounds, diagnosis and reproducer."""
    numbers = [f"{m.name}: {sentence(m)}" for m in result.violated]
    blocks = [statement(result), "\n".join(numbers), result.reason, result.diagnosis, result.reproducer]
    return "\n\n".join(block for block in blocks if block.strip())


def _unloaded(target: str, text: str) -> ElementTree.Element:
    case = _named(_LOADING, _label(target), 0.0)
    _because(case, "error", Status.ERROR, text, text)
    return case


def _label(name: str) -> str:
    """Return a name on one line; a shortened one ends in its digest, so that two names stay different."""
    shown = shorten(name, _LONGEST_NAME)
    if shown == name:
        return shown
    return f"{shown} #{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:_DIGEST]}"


def _moment(started: str) -> str:
    """Return a moment in UTC without a zone, as the schema asks for; "" for any other text."""
    try:
        return datetime.fromisoformat(started).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError):
        return ""


def _seconds(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) and value >= 0 else "0.000"
