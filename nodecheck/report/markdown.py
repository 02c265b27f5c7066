"""A run as Markdown, for the summary of a step on GitHub: verdicts, then faults, then the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nodecheck.report.limits import MOST_IN_FULL, MOST_NAMES, MOST_PROBLEMS, REASON, THEME
from nodecheck.report.markdown_text import STEP_SUMMARY_BYTES, code, fenced, fitted, folded, prose, row
from nodecheck.report.numbers import duration, sentence, shorten
from nodecheck.report.own_fields import unseen
from nodecheck.report.run_verdict import run_verdict, totals
from nodecheck.report.statuses import SYMBOLS, WRONG, statement, status_word
from nodecheck.report.summary import Group, groups, scorecard, themes
from nodecheck.report.words import layer_names, verdict
from nodecheck.results import Run, Status
from nodecheck.results.phrases import plural

_EVERYTHING = "The whole run is in run.json and index.html."


def render(run: Run, *, limit: int = STEP_SUMMARY_BYTES) -> str:
    """Return the summary in at most `limit` bytes; equal runs give equal text."""
    return fitted(_parts(run), _EVERYTHING, limit)


def _parts(run: Run) -> Iterator[str]:
    layers = layer_names(run)
    yield f"## nodecheck: {prose(run_verdict(run))}\n"
    yield f"{plural(len(run.results), 'result')}: {totals(run)}."
    notes = [
        f"- ! {code(target)} could not be loaded: {prose(why)}" for target, why in run.load_errors.items()
    ]
    notes += [f"- {prose(warning)}" for warning in run.warnings]
    yield from ["", *notes] if notes else []
    yield from _verdicts(run, layers)
    for name, size, sentences in unseen(run):
        yield f"\nYour field {code(name)} ({prose(size)}) cannot reveal:\n"
        yield from (f"- {prose(sentence_)}" for sentence_ in sentences)
    yield from _scorecard(run, layers)
    yield from _to_fix(run, layers)
    for status, heading in (
        (Status.XPASSED, "Passed, but expected to fail: remove the expectation"),
        (Status.XFAILED, "Failed as expected"),
        (Status.INCONCLUSIVE, "Inconclusive"),
    ):
        yield from _list(run, status, heading)
    yield f"\n<sub>{_origin(run)}</sub>"


def _verdicts(run: Run, layers: Sequence[str]) -> Iterator[str]:
    if layers:
        yield "\n| | layer | verdict |\n|---|---|---|"
    for name in layers:
        found = verdict(run, name)
        yield row((found.symbol, code(name), prose(found.text)))


def _scorecard(run: Run, layers: Sequence[str]) -> Iterator[str]:
    columns = [prose(shorten(theme or "other", THEME)) for theme in themes(run)]
    if not columns:
        return
    yield f"\n{row(['layer', *columns])}\n{row(['---'] * (1 + len(columns)))}"
    for name, cells in scorecard(run, layers):
        shown = [f"{cell.symbol} {cell.figures}" if cell.status else "–" for cell in cells]
        yield row((code(name), *shown))
    used = [s for s in SYMBOLS if run.count(s)]
    yield "\n" + " · ".join(f"{SYMBOLS[s]} {status_word(s)}" for s in used)


def _to_fix(run: Run, layers: Sequence[str]) -> Iterator[str]:
    for name in layers:
        found = groups(run.of_layer(name), *WRONG)
        if not found:
            continue
        yield f"\n### What to fix first in {code(name)}\n"
        yield from map(_finding, found[:MOST_IN_FULL])
        for group in found[MOST_IN_FULL:]:
            symbol = SYMBOLS[group.first.status]
            yield f"- {symbol} {prose(statement(group.first))} ({code(group.first.check)})"


def _finding(group: Group) -> str:
    first = group.first
    lines = [f"**{SYMBOLS[first.status]} {prose(statement(first))}** ({code(first.check)})\n"]
    for text, problems in group.explanations[:MOST_PROBLEMS]:
        where = f"{_names(problems)}: " if problems else ""
        lines.append(f"{where}{prose(text, lines=True)}\n")
    for result in group.results[:MOST_PROBLEMS]:
        for m in result.violated:
            where = f" on {code(result.problem)}" if result.problem else ""
            lines.append(f"- {prose(shorten(m.name))}{where}: {prose(sentence(m))}")
    if len(group.results) > MOST_PROBLEMS:
        lines.append(f"- and on {_names(group.problems[MOST_PROBLEMS:])}")
    if first.reproducer:
        lines.append("\n" + folded("Lines that reproduce it", fenced(first.reproducer, "python")))
    if first.output:
        lines.append("\n" + folded("What the layer printed", fenced(first.output, "text")))
    return "\n".join(lines) + "\n"


def _names(problems: Sequence[str]) -> str:
    shown = ", ".join(map(code, problems[:MOST_NAMES]))
    return shown + (f" and {len(problems) - MOST_NAMES} more" if len(problems) > MOST_NAMES else "")


def _list(run: Run, status: Status, heading: str) -> Iterator[str]:
    found = groups(run.results, status)
    if not found:
        return
    body = []
    for group in found:
        why = group.first.expected if status is not Status.INCONCLUSIVE else ""
        why = why or (group.explanations[0][0] if group.explanations else "nothing measured")
        where = f" on {_names(group.problems)}" if group.problems else ""
        name = f"{code(group.first.layer)} {code(group.first.check)}"
        body.append(f"- {name}{where}: {prose(shorten(why, REASON))}")
    yield "\n" + folded(f"{heading} ({len(found)})", "\n".join(body))


def _origin(run: Run) -> str:
    version = prose(shorten(run.nodecheck_version or "of unknown version"))
    profile = prose(shorten(run.profile))
    return f"nodecheck {version}, profile {profile}, seed {run.seed}, {duration(run.seconds)}"
