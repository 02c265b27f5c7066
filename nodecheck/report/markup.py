"""Outside text in GitHub-flavoured Markdown: it stays text, whatever it contains."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nodecheck.report.numbers import clean, plural, shorten

# What GitHub shows of a step summary: one byte more, and it shows nothing.
STEP_SUMMARY_BYTES = 1024 * 1024
# What acts on the text around it; what makes a list, a heading or a rule of a line; what becomes a link or an
# emoji.  Everything else stays as it is, for those who read the file itself.
_ACTIVE = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
_LEADING = re.compile(r"^(\d+(?=[.)])|(?=[#+=-]))")
_LINKED = re.compile(r":(?=//|[\w+-]+:)|(?<=www)\.", re.IGNORECASE)
_LONGEST_TEXT = 4000
_LONGEST_NAME = 120
_ROOM_FOR_NOTE = 300


def prose(text: str, *, lines: bool = False) -> str:
    """Return a sentence as Markdown; with `lines`, its line breaks are kept."""
    kept = [shorten(line, _LONGEST_TEXT) for line in clean(text).strip()[: 2 * _LONGEST_TEXT].splitlines()]
    return ("<br>" if lines else " ").join(_escape(line) for line in kept if line)


def _escape(line: str) -> str:
    plain = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = _LINKED.sub(r"\\\g<0>", _ACTIVE.sub(r"\\\g<0>", plain))
    # GitHub turns @name into a mention of a person, after entities are resolved: an empty comment parts them.
    return _LEADING.sub(r"\1\\", plain).replace("@", "@<!-- -->")


def code(name: str, length: int = _LONGEST_NAME) -> str:
    """Return a name as a code span, which also fits into a cell of a table."""
    shown = shorten(name, length)
    if not shown:
        return ""
    if "|" in shown or "`" in shown:  # in a cell, no code span can hold these
        return f"<code>{_escape(shown)}</code>"
    return f"`{shown}`"


def fenced(text: str, language: str = "") -> str:
    """Return lines of code in a fence that is longer than any inside."""
    source = clean(text).strip("\n")[:_LONGEST_TEXT]
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", source)), default=0))
    return f"{fence}{language}\n{source}\n{fence}"


def folded(title: str, body: str) -> str:
    """Return a part that is shown when its title is clicked; `title` is Markdown or HTML of ours."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def row(cells: Iterable[str]) -> str:
    """Return a row of a table, whose cells are Markdown already."""
    return "| " + " | ".join(cells) + " |"


def fitted(parts: Iterable[str], what: str, limit: int = STEP_SUMMARY_BYTES) -> str:
    """Return as many parts as fit into `limit` bytes, one under the other, and say how many did not."""
    kept, left, room = [], 0, limit - _ROOM_FOR_NOTE
    for part in parts:
        size = len(part.encode("utf-8")) + 1
        if left or size > room:
            left += 1
        else:
            kept.append(part)
            room -= size
    if left:
        kept.append(f"\n**{plural(left, 'part')} left out: this is all that fits here. {what}**")
    return "\n".join(kept) + "\n"
