"""The text of a test whose layer does not pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nodecheck.report import words
from nodecheck.report.numbers import clean, sentence, shorten
from nodecheck.results import Result, Status

_LONGEST_REASON = 300  # characters
# Characters.  A diagnosis ends with the remedy, so the limit is far above its length.
_LONGEST_LINE = 2000


def failure(results: Sequence[Result]) -> str:
    """Return the statement, values with bounds, diagnosis, output, source and reproducer.

    Parameters
    ----------
    results
        The wrong results of one check, one for each problem.
    """
    first = results[0]
    blocks = [_statement(first), *(_about(result) for result in results)]
    if first.cite:
        blocks.append(f"Source: {clean(first.cite)}")
    reproducer = next((r.reproducer for r in results if r.reproducer), "")
    if reproducer:
        blocks.append(f"To see it again:\n{_indented(reproducer)}")
    return "\n\n".join(block for block in blocks if block)


def headline(result: Result) -> str:
    """Return the statement on one line."""
    if result.status is Status.ERROR and result.reason:
        return f"{_statement(result)}: {shorten(result.reason, 200)}"
    return _statement(result)


def _statement(result: Result) -> str:
    if result.status is Status.XPASSED:
        return f"{shorten(result.check)} passed, but was expected to fail: remove the expectation"
    return words.statement(result)


def no_verdict(results: Iterable[Result]) -> str:
    """Return the reasons why there is no verdict."""
    reasons = dict.fromkeys(
        f"{r.status}: {r.reason or 'nothing was measured'}" if r.status is not Status.SKIPPED else r.reason
        for r in results
    )
    return shorten("; ".join(reasons), _LONGEST_REASON)


def _about(result: Result) -> str:
    """Return the part of the text about one problem."""
    lines = [f"{clean(m.name)}: {sentence(m)}" for m in result.violated]
    if result.status is Status.XPASSED:
        lines.append(f"expected to fail because: {clean(result.expected)}")
        lines += [f"{clean(m.name)}: {sentence(m)}" for m in result.measurements]
    lines += [clean(text) for text in (result.reason, result.diagnosis) if text]
    if result.output:
        lines.append(f"The layer printed:\n{_indented(result.output)}")
    if not result.problem:
        return "\n".join(lines)
    return f"On {shorten(result.problem)}:\n{_indented(chr(10).join(lines))}" if lines else ""


def _indented(text: str) -> str:
    return "\n".join(f"  {_cut(line)}".rstrip() for line in clean(text).splitlines())


def _cut(line: str) -> str:
    """Return the line without the words beyond its limit."""
    if len(line) <= _LONGEST_LINE:
        return line
    words_within, _, rest = line[:_LONGEST_LINE].rpartition(" ")
    whole = words_within.strip() if len(rest) < _LONGEST_LINE // 2 else line[:_LONGEST_LINE]
    return f"{whole}…"
