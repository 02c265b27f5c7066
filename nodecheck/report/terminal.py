"""A run in the terminal: what is wrong first, the verdict last, readable without colour."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from nodecheck.report import words
from nodecheck.report.console import STYLES, say
from nodecheck.report.matrix import print_scorecard
from nodecheck.report.numbers import clean, plural, sentence, shorten
from nodecheck.report.summary import Group, groups
from nodecheck.results import NOT_REACHED, Run, Status

_VERDICT_STYLES = {
    words.Word.RIGHT: "bold green",
    words.Word.PARTIAL: "green",
    words.Word.WITHIN: "green",
    words.Word.APART: "bold green",
    words.Word.OUTDATED: "bold cyan",
    words.Word.UNVERIFIED: "bold yellow",
    words.Word.UNREACHED: "bold red",
    words.Word.WRONG: "bold red",
}
_MOST_TOLD = 3  # failed checks of a layer told in full
_MOST_PROBLEMS = 3
_MOST_LINES = 12  # of a traceback


def render(run: Run, console: Console, *, report: str = "") -> None:
    """Print the run; `report` says where the HTML report is.

    Nothing that comes from a layer is read as markup, and no control character reaches the terminal.
    """
    layers = words.layer_names(run)
    print_scorecard(run, layers, console)
    _load_errors(run, console)
    _failures(run, layers, console)
    _known(run, console)
    _undecided(run, console)
    _verdicts(run, layers, console)
    if report:
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
        found = groups(run.of_layer(name), *words.WRONG)
        if not found:
            continue
        _heading(console, f"What to fix first in {shorten(name)}")
        for group in found[:_MOST_TOLD]:
            _finding(group, console)
        if len(found) > _MOST_TOLD:
            console.print()
            say(console, Text("Also, perhaps from the same cause:"), indent=2)
        for group in found[_MOST_TOLD:]:
            say(console, Text.assemble((_mark(group), STYLES[group.first.status]), _title(group)), indent=2)


def _finding(group: Group, console: Console) -> None:
    status = group.first.status
    console.print()
    say(console, Text.assemble((_mark(group), STYLES[status]), (_title(group), "bold")), indent=2, hang=2)
    for text, problems in group.explanations[:_MOST_PROBLEMS]:
        say(console, _prose(f"{_names(problems)}: {text}" if problems else text), indent=4)
    for result in group.results[:_MOST_PROBLEMS]:
        for measurement in result.violated:
            where = f" on {shorten(result.problem, 30)}" if result.problem else ""
            line = f"{shorten(measurement.name)}{where}: {sentence(measurement)}"
            say(console, line, indent=4, hang=2)
    if len(group.results) > _MOST_PROBLEMS:
        say(console, Text(f"and on {_names(group.problems[_MOST_PROBLEMS:])}"), indent=4)
    say(console, Text(shorten(group.first.id, 400), style="dim"), indent=4)


def _mark(group: Group) -> str:
    return f"{words.SYMBOLS[group.first.status]} "


def _title(group: Group) -> str:
    return words.statement(group.first)


def _names(problems: Sequence[str]) -> str:
    shown = ", ".join(shorten(p, 30) for p in problems[:4])
    return shown + (f" and {len(problems) - 4} more" if len(problems) > 4 else "")


def _prose(text: str) -> Text:
    lines = clean(text).strip().splitlines()
    kept = (
        lines if len(lines) <= _MOST_LINES else ["…", *lines[-_MOST_LINES:]]
    )  # a traceback ends with its cause
    return Text("\n".join(line if len(line) <= 1000 else f"{line[:1000]}…" for line in kept))


def _line(group: Group, why: str) -> Text:
    layer, check = shorten(group.first.layer), shorten(group.first.check, 40)
    where = f" on {_names(group.problems)}" if group.problems else ""
    text = f"{layer} {check}{where}: {shorten(why, 200)}"
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
        say(
            console,
            _line(group, group.explanations[0][0] if group.explanations else "nothing measured"),
            indent=2,
            hang=2,
        )
    if unreached:  # hundreds, where many layers were asked for
        count = f"{plural(len(unreached), 'result')} of {plural(len({r.layer for r in unreached}), 'layer')}"
        line = Text.assemble(("? ", STYLES[Status.INCONCLUSIVE]), f"{count} {NOT_REACHED}")
        say(console, line, indent=2, hang=2)


def _verdicts(run: Run, layers: Sequence[str], console: Console) -> None:
    console.print()
    for name in layers:
        verdict = words.verdict(run, name)
        mark = (f"{verdict.symbol} ", _VERDICT_STYLES[verdict.word])
        said = f" {verdict.verb} {verdict.text}"
        say(console, Text.assemble(mark, (shorten(name), "bold"), said), hang=2)
    summary = f"{words.run_verdict(run)}. {plural(len(run.results), 'result')}: {words.totals(run)}."
    say(console, Text(summary if run.results else f"{words.run_verdict(run)}."))
