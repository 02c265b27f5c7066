"""The differences between two runs, in the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from nodecheck.report.console import say, say_on_one_line
from nodecheck.report.differences import Change, Changes, Difference
from nodecheck.report.limits import LABEL
from nodecheck.report.markdown_text import STEP_SUMMARY_BYTES, code, fitted, prose
from nodecheck.report.numbers import clean, shorten
from nodecheck.results.phrases import plural

SYMBOLS = {
    Change.BROKEN: "✗",
    Change.UNTRIED: "✗",
    Change.WORSE: "↓",
    Change.LOST: "?",
    Change.EXPECTED: "~",
    Change.STILL: "✗",
    Change.FIXED: "✓",
    Change.BETTER: "↑",
}
_STYLES = {
    Change.BROKEN: "bold red",
    Change.UNTRIED: "bold red",
    Change.WORSE: "bold red",
    Change.LOST: "yellow",
    Change.EXPECTED: "yellow",
    Change.STILL: "red",
    Change.FIXED: "green",
    Change.BETTER: "green",
}
_MOST_PRINTED = 20  # differences of a kind; Markdown and the page have all
_INDENT = 2


def verdict(changes: Changes) -> str:
    """Return the outcome in a sentence."""
    counts = [(len(changes.of(kind)), kind.value) for kind in Change]
    found = ", ".join(f"{n} {word}" for n, word in counts if n) or "nothing changed"
    outcome = "Regression" if changes.regressed else "No regression"
    compared = f"{plural(changes.results, 'result')} and {plural(changes.numbers, 'number')} compared"
    return f"{outcome}: {found}. {compared}."


def print_changes(changes: Changes, console: Console) -> None:
    """Print the changes, new and fixed first and the verdict last; what still fails has a line each."""
    for note in changes.notes:
        say(console, Text(f"note: {clean(note)}", style="yellow"), hang=2)
    for kind in Change:
        lines = [*still_failing(changes)] if kind is Change.STILL else _lines(changes.of(kind))
        if not lines:
            continue
        console.print()
        say(console, Text(heading(kind, changes), style="bold"))
        for line in lines[:_MOST_PRINTED]:
            text = Text.assemble((f"{SYMBOLS[kind]} ", _STYLES[kind]), line)
            if kind is Change.STILL:
                say_on_one_line(console, text, indent=_INDENT)
            else:
                say(console, text, indent=_INDENT, hang=2)
        if len(lines) > _MOST_PRINTED:
            say(console, Text(f"and {len(lines) - _MOST_PRINTED} more"), indent=_INDENT)
    console.print()
    say(console, Text(verdict(changes), style="bold"))


def heading(kind: Change, changes: Changes) -> str:
    """Return the heading of the differences of a kind."""
    name = kind.value[0].upper() + kind.value[1:]
    if kind is Change.LOST and not changes.alike:
        return f"{name} (does not count: profile or version differ)"
    return name


def still_failing(changes: Changes) -> Iterator[str]:
    """Yield a line for each check that still fails: layer, check, problems, and the failure in brief."""
    problems: dict[tuple[str, str, str], list[str]] = {}
    for d in changes.of(Change.STILL):
        problems.setdefault((d.layer, d.check, d.brief or d.text), []).append(d.problem)
    for (layer, check, text), found in problems.items():
        named = [shorten(problem, LABEL) for problem in found if problem]
        more = f" and {plural(len(named) - 1, 'other problem')}" if len(named) > 1 else ""
        where = f" on {named[0]}{more}" if named else ""
        yield f"{' '.join(filter(None, (shorten(layer), shorten(check, LABEL))))}{where}: {text}"


def _lines(differences: Sequence[Difference]) -> list[str]:
    return [_line(alike) for alike in together(differences)]


def together(differences: Sequence[Difference]) -> list[list[Difference]]:
    """Return the differences in groups: one group for several layers with the same text."""
    found: dict[tuple[str, str, str], list[Difference]] = {}
    for d in differences:
        found.setdefault((d.check, d.problem, d.text), []).append(d)
    return list(found.values())


def _line(alike: Sequence[Difference]) -> str:
    first = alike[0]
    more = f" and {plural(len(alike) - 1, 'other layer')}" if len(alike) > 1 else ""
    more += ":" if more and first.check else ""
    names = " ".join(filter(None, (shorten(first.layer) + more, shorten(first.check, LABEL))))
    where = f" on {shorten(first.problem, LABEL)}" if first.problem else ""
    return f"{names}{where}: {first.text}"


def markdown(changes: Changes, *, limit: int = STEP_SUMMARY_BYTES) -> str:
    """Return the changes as Markdown in at most `limit` bytes."""
    return fitted(_parts(changes), "The two runs have everything.", limit)


def _parts(changes: Changes) -> Iterator[str]:
    yield f"## nodecheck compare\n\n**{prose(verdict(changes))}**\n"
    yield from (f"- {prose(note)}" for note in changes.notes)
    for kind in Change:
        found = changes.of(kind)
        if found:
            yield f"\n### {SYMBOLS[kind]} {heading(kind, changes)}\n"
        for alike in together(found):
            layers = ", ".join(code(d.layer) for d in alike if d.layer)
            names = " ".join(filter(None, (layers, code(alike[0].check))))
            where = f" on {code(alike[0].problem)}" if alike[0].problem else ""
            yield f"- {names}{where}: {prose(alike[0].text)}"
