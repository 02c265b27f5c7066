"""The details of a run in the terminal: scorecard, every failed check with its numbers, what is undecided."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from nodecheck.report.console import STYLES, say
from nodecheck.report.limits import (
    LABEL,
    LONGEST_ID,
    MOST_IN_FULL,
    MOST_NAMES,
    MOST_PROBLEMS,
    PARAGRAPH,
    REASON,
)
from nodecheck.report.numbers import clean, sentence, shorten
from nodecheck.report.statuses import SYMBOLS, WRONG, statement
from nodecheck.report.summary import Group, groups
from nodecheck.report.terminal_scorecard import print_scorecard
from nodecheck.results import NOT_REACHED, Run, Status
from nodecheck.results.phrases import plural

_MOST_LINES = 12  # of a traceback


def print_details(run: Run, layers: Sequence[str], console: Console) -> None:
    """Print all that is known of each layer but its verdict."""
    print_scorecard(run, layers, console)
    _failures(run, layers, console)
    _known(run, console)
    _undecided(run, console)
    console.print()


def _heading(console: Console, text: str) -> None:
    console.print()
    say(console, Text(text, style="bold"))


def _failures(run: Run, layers: Sequence[str], console: Console) -> None:
    for name in layers:
        found = groups(run.of_layer(name), *WRONG)
        if not found:
            continue
        _heading(console, f"What to fix first in {shorten(name)}")
        for group in found[:MOST_IN_FULL]:
            _finding(group, console)
        if len(found) > MOST_IN_FULL:
            console.print()
            say(console, Text("Also, perhaps from the same cause:"), indent=2)
        for group in found[MOST_IN_FULL:]:
            say(console, Text.assemble((_mark(group), STYLES[group.first.status]), _title(group)), indent=2)


def _finding(group: Group, console: Console) -> None:
    status = group.first.status
    console.print()
    say(console, Text.assemble((_mark(group), STYLES[status]), (_title(group), "bold")), indent=2, hang=2)
    for text, problems in group.explanations[:MOST_PROBLEMS]:
        say(console, prose(f"{_names(problems)}: {text}" if problems else text), indent=4)
    for result in group.results[:MOST_PROBLEMS]:
        for measurement in result.violated:
            where = f" on {shorten(result.problem, LABEL)}" if result.problem else ""
            line = f"{shorten(measurement.name)}{where}: {sentence(measurement)}"
            say(console, line, indent=4, hang=2)
    if len(group.results) > MOST_PROBLEMS:
        say(console, Text(f"and on {_names(group.problems[MOST_PROBLEMS:])}"), indent=4)
    say(console, Text(shorten(group.first.id, LONGEST_ID), style="dim"), indent=4)


def _mark(group: Group) -> str:
    return f"{SYMBOLS[group.first.status]} "


def _title(group: Group) -> str:
    return statement(group.first)


def _names(problems: Sequence[str]) -> str:
    shown = ", ".join(shorten(p, LABEL) for p in problems[:MOST_NAMES])
    return shown + (f" and {len(problems) - MOST_NAMES} more" if len(problems) > MOST_NAMES else "")


def prose(text: str) -> Text:
    """Return outside text of several lines, of a long one the end: a traceback ends with its cause."""
    lines = clean(text).strip().splitlines()
    if len(lines) > _MOST_LINES:
        lines = ["…", *lines[-_MOST_LINES:]]
    return Text("\n".join(line if len(line) <= PARAGRAPH else f"{line[:PARAGRAPH]}…" for line in lines))


def _line(group: Group, why: str) -> Text:
    layer, check = shorten(group.first.layer), shorten(group.first.check, LABEL)
    where = f" on {_names(group.problems)}" if group.problems else ""
    text = f"{layer} {check}{where}: {shorten(why, REASON)}"
    return Text.assemble((_mark(group), STYLES[group.first.status]), text)


def _known(run: Run, console: Console) -> None:
    for status, heading in (
        (Status.XPASSED, "Passed, but expected to fail: remove the expectation"),
        (Status.XFAILED, "Failed as expected"),
    ):
        found = groups(run.results, status)
        if found:
            _heading(console, heading)
        for group in found:
            say(console, _line(group, group.first.expected), indent=2, hang=2)


def _undecided(run: Run, console: Console) -> None:
    unreached = [r for r in run.results if r.reason == NOT_REACHED]
    found = groups((r for r in run.results if r.reason != NOT_REACHED), Status.INCONCLUSIVE)
    if found or unreached:
        _heading(console, "Inconclusive")
    for group in found:
        why = group.explanations[0][0] if group.explanations else "nothing measured"
        say(console, _line(group, why), indent=2, hang=2)
    if unreached:  # one line for all: there may be hundreds
        count = f"{plural(len(unreached), 'result')} of {plural(len({r.layer for r in unreached}), 'layer')}"
        line = Text.assemble(("? ", STYLES[Status.INCONCLUSIVE]), f"{count} {NOT_REACHED}")
        say(console, line, indent=2, hang=2)
