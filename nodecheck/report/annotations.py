"""A run as workflow commands, which GitHub shows as annotations beside the code.

Escaping: github.com/actions/toolkit, packages/core/src/command.ts.  GitHub shows ten errors, ten warnings and
ten notices of a step and drops the rest without a word, so the last of many says how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from nodecheck.report import words
from nodecheck.report.numbers import clean, plural, sentence, shorten
from nodecheck.report.summary import Group, groups
from nodecheck.results import Run, Status

MOST_SHOWN = 10
_LONGEST_TITLE = 200
_LONGEST_MESSAGE = 2000
_MOST_PROBLEMS = 3


def render(run: Run) -> str:
    """Return one command a line, or nothing where nothing is wrong, undecided or known to be wrong."""
    files = {card.name: _file(card.target) for card in run.layers}
    unloaded = [
        _command("error", f"{target} could not be loaded", text, _file(target))
        for target, text in run.load_errors.items()
    ]
    wrong = [
        _command("error", _title(group), _message(group), files.get(group.first.layer, ""))
        for name in words.layer_names(run)
        for group in groups(run.of_layer(name), *words.WRONG, Status.XPASSED)
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
    """Yield as many commands as are shown; the last says what is not."""
    if len(commands) <= MOST_SHOWN:
        yield from commands
        return
    yield from commands[: MOST_SHOWN - 1]
    more = plural(len(commands) - MOST_SHOWN + 1, f"more {kind}")
    yield _command(kind, more, "GitHub shows ten of a kind: the summary and the report hold all.", "")


def _title(group: Group) -> str:
    if group.first.status in words.WRONG:
        return f"{shorten(group.first.layer)}: {words.statement(group.first)}"
    word = words.status_word(group.first.status)
    return f"{shorten(group.first.layer)}: {shorten(group.first.check)} {word}"


def _message(group: Group) -> str:
    """Return diagnosis or reason, and the numbers."""
    if group.first.status is Status.XPASSED:
        return f"Remove the expectation: {group.first.expected}"
    lines = []
    for text, problems in group.explanations[:_MOST_PROBLEMS]:
        lines.append(f"{', '.join(problems)}: {text}" if problems else text)
    for result in group.results[:_MOST_PROBLEMS]:
        where = f" on {result.problem}" if result.problem else ""
        lines += [f"{m.name}{where}: {sentence(m)}" for m in result.violated]
    return "\n".join([*lines, f"nodecheck explain {group.first.check}"])


def _file(target: str) -> str:
    """Return the file a target names, from the root of the repository: the only kind that GitHub can show."""
    path = target.rpartition(":")[0]
    if not path.endswith(".py") or PurePath(path).is_absolute() or ".." in PurePath(path).parts:
        return ""
    return PurePath(path).as_posix()


def _command(kind: str, title: str, message: str, file: str) -> str:
    properties = {"file": file, "title": shorten(title, _LONGEST_TITLE)}
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    text = clean(message).strip()
    return (
        f"::{kind} {given}::{_data(text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + '…')}"
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
