"""A run as workflow commands, which GitHub shows as annotations beside the code.

Escaping: github.com/actions/toolkit, packages/core/src/command.ts.  GitHub shows ten errors, ten warnings and
ten notices of a step and drops the rest, so the tenth of many gives the number of those that are not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from nodecheck.report.limits import MOST_PROBLEMS, STATEMENT
from nodecheck.report.numbers import clean, sentence, shorten
from nodecheck.report.statuses import WRONG, statement, status_word
from nodecheck.report.summary import Group, groups
from nodecheck.report.words import layer_names
from nodecheck.results import Run, Status
from nodecheck.results.phrases import plural

MOST_SHOWN = 10  # commands of a kind
_LONGEST_MESSAGE = 2000  # characters


def render(run: Run) -> str:
    """Return one command a line for each fault, known fault and undecided check; "" where there is none."""
    files = {card.name: _file(card.target) for card in run.layers}
    unloaded = [
        _command("error", f"{target} could not be loaded", text, _file(target))
        for target, text in run.load_errors.items()
    ]
    wrong = [
        _command("error", _title(group), _message(group), files.get(group.first.layer, ""))
        for name in layer_names(run)
        for group in groups(run.of_layer(name), *WRONG, Status.XPASSED)
    ]
    undecided = [
        _command("warning", _title(group), _message(group), files.get(group.first.layer, ""))
        for group in groups(run.results, Status.INCONCLUSIVE)
    ]
    known = [
        _command("notice", _title(group), group.first.expected, files.get(group.first.layer, ""))
        for group in groups(run.results, Status.XFAILED)
    ]
    lines = [*_shown("error", unloaded + wrong), *_shown("warning", undecided), *_shown("notice", known)]
    return "".join(f"{line}\n" for line in lines)


def _shown(kind: str, commands: Sequence[str]) -> Iterator[str]:
    """Yield the commands that are shown; of too many, the last gives the number of the others."""
    if len(commands) <= MOST_SHOWN:
        yield from commands
        return
    yield from commands[: MOST_SHOWN - 1]
    more = plural(len(commands) - MOST_SHOWN + 1, f"more {kind}")
    yield _command(kind, more, "GitHub shows ten of a kind: the summary and the report have all.", "")


def _title(group: Group) -> str:
    if group.first.status in WRONG:
        return f"{shorten(group.first.layer)}: {statement(group.first)}"
    word = status_word(group.first.status)
    return f"{shorten(group.first.layer)}: {shorten(group.first.check)} {word}"


def _message(group: Group) -> str:
    """Return the diagnosis or the reason, and the violated numbers."""
    if group.first.status is Status.XPASSED:
        return f"Remove the expectation: {group.first.expected}"
    lines = []
    for text, problems in group.explanations[:MOST_PROBLEMS]:
        lines.append(f"{', '.join(problems)}: {text}" if problems else text)
    for result in group.results[:MOST_PROBLEMS]:
        where = f" on {result.problem}" if result.problem else ""
        lines += [f"{m.name}{where}: {sentence(m)}" for m in result.violated]
    return "\n".join([*lines, f"nodecheck explain {group.first.check}"])


def _file(target: str) -> str:
    """Return the file of a target, relative to the root of the repository; "" where GitHub cannot show it."""
    path = target.rpartition(":")[0]
    if not path.endswith(".py") or PurePath(path).is_absolute() or ".." in PurePath(path).parts:
        return ""
    return PurePath(path).as_posix()


def _command(kind: str, title: str, message: str, file: str) -> str:
    properties = {"file": file, "title": shorten(title, STATEMENT)}
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    text = clean(message).strip()
    return (
        f"::{kind} {given}::{_data(text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + '…')}"
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
