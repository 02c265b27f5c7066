"""Outside text in GitHub-flavoured Markdown, escaped so that it stays text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nodecheck.report.limits import TEXT, TITLE
from nodecheck.report.numbers import clean, shorten
from nodecheck.results.phrases import plural

# The largest step summary that GitHub shows, in bytes; of a larger one it shows nothing.
STEP_SUMMARY_BYTES = 1024 * 1024
# Characters that act on the text around them; that make a list, a heading or a rule of a line; that make a
# link or an emoji.  Nothing else is escaped, so that the file itself can be read.
_ACTIVE = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
_LEADING = re.compile(r"^(\d+(?=[.)])|(?=[#+=-]))")
_LINKED = re.compile(r":(?=//|[\w+-]+:)|(?<=www)\.", re.IGNORECASE)
_ROOM_FOR_NOTE = 300  # bytes, for the note about parts that were left out


def prose(text: str, *, lines: bool = False) -> str:
    """Return a sentence as Markdown; with `lines`, its line breaks are kept."""
    kept = [shorten(line, TEXT) for line in clean(text).strip()[: 2 * TEXT].splitlines()]
    return ("<br>" if lines else " ").join(_escape(line) for line in kept if line)


def _escape(line: str) -> str:
    plain = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = _LINKED.sub(r"\\\g<0>", _ACTIVE.sub(r"\\\g<0>", plain))
    # GitHub turns @name into a mention of a person, also where @ is an entity: an empty comment prevents it.
    return _LEADING.sub(r"\1\\", plain).replace("@", "@<!-- -->")


def code(name: str, length: int = TITLE) -> str:
    """Return a name as a code span that may stand in a cell of a table."""
    shown = shorten(name, length)
    if not shown:
        return ""
    if "|" in shown or "`" in shown:  # a code span in a cell cannot contain these
        return f"<code>{_escape(shown)}</code>"
    return f"`{shown}`"


def fenced(text: str, language: str = "") -> str:
    """Return lines of code in a fence that is longer than any fence in them."""
    source = clean(text).strip("\n")[:TEXT]
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", source)), default=0))
    return f"{fence}{language}\n{source}\n{fence}"


def folded(title: str, body: str) -> str:
    """Return a part that is shown when its title is clicked; the title is Markdown already."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def row(cells: Iterable[str]) -> str:
    """Return a row of a table, whose cells are Markdown already."""
    return "| " + " | ".join(cells) + " |"


def fitted(parts: Iterable[str], note: str, limit: int = STEP_SUMMARY_BYTES) -> str:
    """Return the parts that fit into `limit` bytes, and a note with the number of the others."""
    kept, left, room = [], 0, limit - _ROOM_FOR_NOTE
    for part in parts:
        size = len(part.encode("utf-8")) + 1
        if left or size > room:
            left += 1
        else:
            kept.append(part)
            room -= size
    if left:
        kept.append(f"\n**{plural(left, 'part')} left out: this is all that fits here. {note}**")
    return "\n".join(kept) + "\n"
