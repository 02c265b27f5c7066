"""A run in the terminal: faults first, verdicts last, readable without colour."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePath

from rich.console import Console
from rich.text import Text

from nodecheck.report.console import STYLES, say
from nodecheck.report.limits import LABEL, MOST_IN_FULL, MOST_NAMES, MOST_PROBLEMS, PARAGRAPH, REASON
from nodecheck.report.numbers import clean, sentence, shorten
from nodecheck.report.own_fields import unseen
from nodecheck.report.run_verdict import run_verdict, totals
from nodecheck.report.statuses import SYMBOLS, WRONG, statement
from nodecheck.report.summary import Group, groups
from nodecheck.report.terminal_scorecard import print_scorecard
from nodecheck.report.words import Word, layer_names, verdict
from nodecheck.results import NOT_REACHED, Run, Status
from nodecheck.results.phrases import plural

_VERDICT_STYLES = {
    Word.RIGHT: "bold green",
    Word.PARTLY_CHECKED: "green",
    Word.WITHIN_CLAIM: "green",
    Word.NO_CLAIM: "dim",
    Word.KNOWN_FAULTS: "bold green",
    Word.OUTDATED: "bold cyan",
    Word.UNVERIFIED: "bold yellow",
    Word.NOT_JUDGED: "bold red",
    Word.COULD_NOT_RUN: "bold red",
    Word.WRONG: "bold red",
}
_MOST_LINES = 12  # of a traceback
_LONGEST_ID = 400  # characters
_CARD = "the identity card of a layer, in the report, has its claims beside what was measured of it"


def render(run: Run, console: Console, *, report: str = "") -> None:
    """Print the run; `report` is the path of the HTML report.

    No text of a layer is read as markup, and no control character reaches the terminal.
    """
    layers = layer_names(run)
    print_scorecard(run, layers, console)
    _load_errors(run, console)
    _failures(run, layers, console)
    if report and any(r.status in WRONG for r in run.results):
        _replay(run, report, console)
    _known(run, console)
    _undecided(run, console)
    _verdicts(run, layers, console)
    _unseen(run, console)
    if report:
        say(console, Text.assemble(("card    ", "dim"), _CARD), hang=8)
        say(console, Text.assemble(("report  ", "dim"), clean(report)))


def _heading(console: Console, text: str) -> None:
    console.print()
    say(console, Text(text, style="bold"))


def _load_errors(run: Run, console: Console) -> None:
    for target, message in run.load_errors.items():
        _heading(console, f"! {shorten(target)} could not be loaded")
        say(console, _prose(message), indent=2)
    for warning in run.warnings:
        say(console, Text(f"warning: {clean(warning)}", style="yellow"))


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
        say(console, _prose(f"{_names(problems)}: {text}" if problems else text), indent=4)
    for result in group.results[:MOST_PROBLEMS]:
        for measurement in result.violated:
            where = f" on {shorten(result.problem, LABEL)}" if result.problem else ""
            line = f"{shorten(measurement.name)}{where}: {sentence(measurement)}"
            say(console, line, indent=4, hang=2)
    if len(group.results) > MOST_PROBLEMS:
        say(console, Text(f"and on {_names(group.problems[MOST_PROBLEMS:])}"), indent=4)
    say(console, Text(shorten(group.first.id, _LONGEST_ID), style="dim"), indent=4)


def _replay(run: Run, report: str, console: Console) -> None:
    """Print the command that repeats the first result to be fixed."""
    first = next(r for r in run.results if r.status in WRONG)
    folder = str(PurePath(report).parent)
    command = f"nodecheck replay {shlex.quote(folder)} {shlex.quote(first.id)}"
    console.print()
    say(console, Text.assemble(("repeat  ", "dim"), shorten(command, _LONGEST_ID)), hang=8)


def _mark(group: Group) -> str:
    return f"{SYMBOLS[group.first.status]} "


def _title(group: Group) -> str:
    return statement(group.first)


def _names(problems: Sequence[str]) -> str:
    shown = ", ".join(shorten(p, LABEL) for p in problems[:MOST_NAMES])
    return shown + (f" and {len(problems) - MOST_NAMES} more" if len(problems) > MOST_NAMES else "")


def _prose(text: str) -> Text:
    lines = clean(text).strip().splitlines()
    if len(lines) > _MOST_LINES:
        lines = ["…", *lines[-_MOST_LINES:]]  # a traceback ends with its cause
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


def _unseen(run: Run, console: Console) -> None:
    """Print what the user's own fields cannot reveal."""
    for name, size, sentences in unseen(run):
        _heading(console, f"What your field {shorten(name, LABEL)} cannot reveal ({shorten(size, REASON)})")
        for sentence_ in sentences:
            say(console, clean(sentence_), indent=2, hang=2)


def _verdicts(run: Run, layers: Sequence[str], console: Console) -> None:
    console.print()
    for name in layers:
        found = verdict(run, name)
        mark = (f"{found.symbol} ", _VERDICT_STYLES[found.word])
        rest = f" {found.clause}"
        say(console, Text.assemble(mark, (shorten(name), "bold"), rest), hang=2)
    count = f"{plural(len(run.results), 'result')} in the profile {shorten(run.profile)}"
    summary = f"{run_verdict(run)}. {count}: {totals(run)}."
    say(console, Text(summary if run.results else f"{run_verdict(run)}."))
