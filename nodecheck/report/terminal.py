"""A run in the terminal: a verdict for each layer, and its faults with cause, size and remedy.

Right layers come first and wrong ones last, next to the prompt.  All of it is readable without colour.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePath

from rich.console import Console
from rich.text import Text

from nodecheck.report.console import say
from nodecheck.report.faults import Fault, faults
from nodecheck.report.limits import LABEL, LONGEST_ID, REASON
from nodecheck.report.numbers import clean, shorten
from nodecheck.report.own_fields import unseen
from nodecheck.report.phrases import brief, failures, scope
from nodecheck.report.run_verdict import run_verdict, totals
from nodecheck.report.statuses import WRONG
from nodecheck.report.terminal_details import print_details, prose
from nodecheck.report.words import Verdict, Word, layer_names, verdict
from nodecheck.results import NOT_REACHED, Run, Status
from nodecheck.results.phrases import plural

_STYLES = {
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
_FAULTY = (Word.NOT_JUDGED, Word.COULD_NOT_RUN, Word.WRONG)
_MOST_APART = 3  # right layers that have a sentence each: more are listed below what they have in common
_MOST_FAULTS = 3  # of a layer; of those after the first a line each
_MOST_WITH_REMEDY = 4  # layers at fault that are told with the remedy


def render(run: Run, console: Console, *, report: str = "", verbose: bool = False) -> None:
    """Print the run; `report` is the path of the HTML report, `verbose` adds every check that did not pass.

    No text of a layer is read as markup, and no control character reaches the terminal.
    """
    layers = layer_names(run)
    if verbose:
        print_details(run, layers, console)
    _load_errors(run, console)
    found = [verdict(run, name) for name in layers]
    _right(run, [v for v in found if v.word is Word.RIGHT], console)
    for one in (v for v in found if v.word is not Word.RIGHT and v.word not in _FAULTY):
        _other(run, one, console)
    wrong = [v for v in found if v.word in _FAULTY]
    for one in wrong:
        _faulty(run, one, console, remedy=len(wrong) <= _MOST_WITH_REMEDY)
    _summary(run, console)
    _unseen(run, console)
    if report:
        _places(run, report, console)


def _load_errors(run: Run, console: Console) -> None:
    for target, message in run.load_errors.items():
        say(console, Text(f"! {shorten(target)} could not be loaded", style="bold"))
        say(console, prose(message), indent=2)
    for warning in run.warnings:
        say(console, Text(f"warning: {clean(warning)}", style="yellow"))


def _right(run: Run, found: Sequence[Verdict], console: Console) -> None:
    """Print the layers that are right: by what was looked at, where they are many."""
    if len(found) <= _MOST_APART:
        for one in found:
            say(console, _headed(one, one.clause), hang=2)
        return
    scopes: dict[str, list[Verdict]] = {}
    for one in found:
        scopes.setdefault(scope(run, one.layer), []).append(one)
    width = max(len(shorten(one.layer)) for one in found)
    for looked_at, members in scopes.items():
        is_are = f"{plural(len(members), 'layer')} {'is' if len(members) == 1 else 'are'} right"
        say(console, Text(f"{is_are}: " + " for the ".join(filter(None, ("verified", looked_at)))), hang=2)
        for one in members:
            line = f"{shorten(one.layer):{width}}  {brief(run, one.layer)}"
            _one_line(console, Text.assemble((f"{one.symbol} ", _STYLES[one.word])), line)


def _other(run: Run, one: Verdict, console: Console) -> None:
    """Print a layer that is neither right nor at fault; if it is not verified, the first reason."""
    say(console, _headed(one, one.clause), hang=2)
    if one.word is Word.UNVERIFIED:
        open_ = (r for r in run.of_layer(one.layer) if r.status is Status.INCONCLUSIVE and r.reason)
        first = next((r for r in open_ if r.reason != NOT_REACHED), None)
        if first is not None:
            say(console, f"? {shorten(first.check)}: {shorten(first.reason, REASON)}", indent=2, hang=2)


def _faulty(run: Run, one: Verdict, console: Console, *, remedy: bool) -> None:
    """Print a layer that is wrong, or could not be judged, and its faults."""
    found = faults(run, one.layer)
    wrong = [r for r in run.of_layer(one.layer) if r.status in WRONG]
    clause = f"{one.word}: {plural(len(found), 'fault')}; {failures(wrong)}"
    say(console, _headed(one, f"is {clause}" if one.word is Word.WRONG else one.clause), hang=2)
    for k, fault in enumerate(found[:_MOST_FAULTS]):
        if k:
            _one_line(console, Text("  ✗ ", style="red"), fault.headline)
        else:
            _fault(fault, console, remedy=remedy)
    if len(found) > _MOST_FAULTS:
        say(console, Text(f"and {plural(len(found) - _MOST_FAULTS, 'more fault')}", style="dim"), indent=2)


def _fault(fault: Fault, console: Console, *, remedy: bool) -> None:
    say(
        console,
        Text.assemble(("✗ ", "red"), " ".join(filter(None, (fault.headline, fault.size)))),
        indent=2,
        hang=2,
    )
    if remedy and fault.remedy:
        say(console, Text.assemble(("→ ", "bold"), fault.remedy), indent=2, hang=2)


def _unseen(run: Run, console: Console) -> None:
    """Print what the user's own fields cannot reveal."""
    for name, size, sentences in unseen(run):
        head = f"Your field {shorten(name, LABEL)} cannot reveal ({shorten(size, REASON)}):"
        say(console, Text(head, style="bold"))
        for sentence_ in sentences:
            say(console, clean(sentence_), indent=2, hang=2)


def _summary(run: Run, console: Console) -> None:
    count = f"{plural(len(run.results), 'result')} in the profile {shorten(run.profile)}"
    summary = f"{run_verdict(run)}. {count}: {totals(run)}."
    say(console, Text(summary if run.results else f"{run_verdict(run)}."))


def _places(run: Run, report: str, console: Console) -> None:
    """Print the command that repeats the leading result of the first fault, and the path of the report."""
    first = next((f for name in layer_names(run) for f in faults(run, name)), None)
    if first is not None:
        folder = str(PurePath(report).parent)
        command = f"nodecheck replay {shlex.quote(folder)} {shlex.quote(first.worst.id)}"
        say(console, Text.assemble(("repeat  ", "dim"), shorten(command, LONGEST_ID)), hang=8)
    say(console, Text.assemble(("report  ", "dim"), clean(report)))


def _headed(one: Verdict, clause: str) -> Text:
    return Text.assemble((f"{one.symbol} ", _STYLES[one.word]), (shorten(one.layer), "bold"), f" {clause}")


def _one_line(console: Console, mark: Text, text: str) -> None:
    """Print a line that is shortened where the window is narrow."""
    room = max(console.width - mark.cell_len, 1)
    text = clean(text)
    say(console, mark + Text(text if len(text) <= room else f"{text[: room - 1].rstrip()}…"))
