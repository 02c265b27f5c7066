"""Output to a terminal that may be narrow, without colour, a pipe, or unable to show a tick."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from nodecheck.results import Status

STYLES = {
    Status.FAILED: "bold red",
    Status.ERROR: "bold red",
    Status.XPASSED: "bold cyan",
    Status.INCONCLUSIVE: "yellow",
    Status.XFAILED: "yellow",
    Status.PASSED: "green",
    Status.UNSUPPORTED: "dim",
    Status.SKIPPED: "dim",
}
_NARROWEST = 20  # columns that are used, also of a narrower terminal
# Replacements of the symbols, where the console's encoding does not have them.
_ASCII = str.maketrans({
    "✓": "ok", "✗": "FAIL", "↑": "XPASS", "–": "-", "·": "-", "−": "-", "…": "...", "“": '"', "”": '"'
})  # fmt: skip


def fit(text: Text, console: Console) -> Text:
    """Return the text without characters that the console's encoding does not have."""
    if console.encoding.lower().startswith("utf"):
        return text
    plain = text.plain.translate(_ASCII).encode(console.encoding, "replace").decode(console.encoding)
    return Text(plain, style=text.style)


def say(console: Console, text: Text | str, *, indent: int = 0, hang: int = 0) -> None:
    """Print the text, wrapped; its first line is indented by `indent`, the others by `hang` more.

    No part of it is read as markup, and no line ends in blanks.
    """
    text = fit(Text(text) if isinstance(text, str) else text, console)
    width = max(console.width - indent - hang, _NARROWEST)
    for k, line in enumerate(text.wrap(console, width, overflow="fold")):
        line.rstrip()
        console.print(Text(" " * (indent + (hang if k else 0))) + line, highlight=False, soft_wrap=True)


def say_on_one_line(console: Console, text: Text, *, indent: int = 0) -> None:
    """Print the text on one line, indented; what does not fit is left out, with a mark."""
    text = fit(text, console)
    mark = fit(Text("…"), console).plain
    width = max(console.width - indent, _NARROWEST)
    if text.cell_len > width:
        text.truncate(width - len(mark))
        text.append(mark)
    console.print(Text(" " * indent) + text, highlight=False, soft_wrap=True)
