"""A run as Markdown, for the summary of a step on GitHub: verdicts first, then what to fix, then the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nodecheck.report import words
from nodecheck.report.markup import STEP_SUMMARY_BYTES, code, fenced, fitted, folded, prose, row
from nodecheck.report.numbers import duration, plural, sentence, shorten
from nodecheck.report.summary import Group, groups, scorecard, themes
from nodecheck.results import Run, Status

_MOST_OPEN = 3  # failed checks of a layer that are told in full: what comes later tends to follow
_MOST_PROBLEMS = 3
_EVERYTHING = "The whole run is in run.json and index.html."


def render(run: Run, *, limit: int = STEP_SUMMARY_BYTES) -> str:
    """Return the summary in at most `limit` bytes; equal runs give equal text."""
    return fitted(_parts(run), _EVERYTHING, limit)


def _parts(run: Run) -> Iterator[str]:
    layers = words.layer_names(run)
    yield f"## nodecheck: {prose(words.run_verdict(run))}\n"
    yield f"{plural(len(run.results), 'result')}: {words.totals(run)}."
    said = [
        f"- ! {code(target)} could not be loaded: {prose(why)}" for target, why in run.load_errors.items()
    ]
    said += [f"- {prose(warning)}" for warning in run.warnings]
    yield from ([""] if said else [])
    yield from said
    yield from _verdicts(run, layers)
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
        verdict = words.verdict(run, name)
        yield row((verdict.symbol, code(name), prose(verdict.text)))


def _scorecard(run: Run, layers: Sequence[str]) -> Iterator[str]:
    columns = [prose(shorten(theme or "other", 20)) for theme in themes(run)]
    if not columns:
        return
    yield f"\n{row(['layer', *columns])}\n{row(['---'] * (1 + len(columns)))}"
    for name, cells in scorecard(run, layers):
        shown = [f"{cell.symbol} {cell.figures}" if cell.status else "–" for cell in cells]
        yield row((code(name), *shown))
    used = [s for s in words.SYMBOLS if run.count(s)]
    yield "\n" + " · ".join(f"{words.SYMBOLS[s]} {words.status_word(s)}" for s in used)


def _to_fix(run: Run, layers: Sequence[str]) -> Iterator[str]:
    for name in layers:
        found = groups(run.of_layer(name), *words.WRONG)
        if not found:
            continue
        yield f"\n### What to fix first in {code(name)}\n"
        yield from map(_finding, found[:_MOST_OPEN])
        for group in found[_MOST_OPEN:]:
            symbol = words.SYMBOLS[group.first.status]
            yield f"- {symbol} {prose(words.statement(group.first))} ({code(group.first.check)})"


def _finding(group: Group) -> str:
    first = group.first
    lines = [f"**{words.SYMBOLS[first.status]} {prose(words.statement(first))}** ({code(first.check)})\n"]
    for text, problems in group.explanations[:_MOST_PROBLEMS]:
        where = f"{_names(problems)}: " if problems else ""
        lines.append(f"{where}{prose(text, lines=True)}\n")
    for result in group.results[:_MOST_PROBLEMS]:
        for m in result.violated:
            where = f" on {code(result.problem)}" if result.problem else ""
            lines.append(f"- {prose(shorten(m.name))}{where}: {prose(sentence(m))}")
    if len(group.results) > _MOST_PROBLEMS:
        lines.append(f"- and on {_names(group.problems[_MOST_PROBLEMS:])}")
    if first.reproducer:
        lines.append("\n" + folded("Lines that reproduce it", fenced(first.reproducer, "python")))
    if first.output:
        lines.append("\n" + folded("What the layer printed", fenced(first.output, "text")))
    return "\n".join(lines) + "\n"


def _names(problems: Sequence[str]) -> str:
    shown = ", ".join(code(p) for p in problems[:4])
    return shown + (f" and {len(problems) - 4} more" if len(problems) > 4 else "")


def _list(run: Run, status: Status, heading: str) -> Iterator[str]:
    found = groups(run.results, status)
    if not found:
        return
    body = []
    for group in found:
        why = group.first.expected if status is not Status.INCONCLUSIVE else ""
        why = why or (group.explanations[0][0] if group.explanations else "nothing measured")
        where = f" on {_names(group.problems)}" if group.problems else ""
        line = f"- {code(group.first.layer)} {code(group.first.check)}{where}: {prose(shorten(why, 300))}"
        body.append(line)
    yield "\n" + folded(f"{heading} ({len(found)})", "\n".join(body))


def _origin(run: Run) -> str:
    version = prose(shorten(run.nodecheck_version or "of unknown version"))
    profile = prose(shorten(run.profile))
    return f"nodecheck {version}, profile {profile}, seed {run.seed}, {duration(run.seconds)}"
