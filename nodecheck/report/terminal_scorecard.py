"""The scorecard in the terminal: a row for each layer, a column for each theme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from nodecheck.report.console import STYLES, fit, say
from nodecheck.report.limits import NAME, THEME
from nodecheck.report.numbers import shorten
from nodecheck.report.statuses import SYMBOLS, status_word
from nodecheck.report.summary import Cell, scorecard, themes
from nodecheck.results import Run

_LONG, _SHORT = NAME, 28  # lengths of names of layers, in characters: with enough room and without
# Widths in characters.
_GAP = 3  # blanks between two columns
_MARK = 5  # beside the count: the symbol, or the word in its place, and a blank
_NARROWEST = 8  # a column of marks
_COUNTED = "counted are results: one check on one problem"


def print_scorecard(run: Run, layers: Sequence[str], console: Console) -> None:
    """Print a row for each layer; where the window is too narrow, a row for each theme, in several parts."""
    columns = [shorten(t or "other", THEME) for t in themes(run)]
    whole = scorecard(run, layers)
    if not columns or not whole:
        return
    for length in (_LONG, _SHORT):
        rows = [(shorten(name, length), cells) for name, cells in whole]
        fits = _width([name for name, _ in rows], columns, [cells for _, cells in rows]) <= console.width
        if fits:
            break
    if len({name for name, _ in rows}) < len(rows):  # in rows of themes, the window alone limits a name
        fits, length = False, max(_SHORT, min(_LONG, _room(columns, console.width) - _GAP))
        rows = [(shorten(name, length), cells) for name, cells in whole]
    if fits and len(rows) > 1:
        _table(console, "layer", columns, rows)
    else:
        for part in _parts(rows, columns, console.width):
            turned = [(theme, [cells[k] for _, cells in part]) for k, theme in enumerate(columns)]
            _table(console, "", [name for name, _ in part], turned)
    used = [s for s in SYMBOLS if run.count(s)]
    words = [Text(f"{SYMBOLS[s]} {status_word(s)}", style=STYLES[s]) for s in used]
    say(console, Text(" " * _GAP).join(words), indent=1)
    say(console, Text(_COUNTED, style="dim"), indent=1)


def _width(names: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Cell]]) -> int:
    first = max(map(len, names)) + _GAP
    return first + sum(
        _GAP + max([len(column), *(len(row[k].figures) + _MARK for row in cells)])
        for k, column in enumerate(columns)
    )


def _room(columns: Sequence[str], width: int) -> int:
    """Return the width that is left for the layers where each theme has a row."""
    return width - max(map(len, columns)) - _GAP - 1


def _parts(
    rows: list[tuple[str, list[Cell]]], columns: Sequence[str], width: int
) -> list[list[tuple[str, list[Cell]]]]:
    """Return the layers in parts, each of which fits beside the names of the themes."""
    parts: list[list[tuple[str, list[Cell]]]] = [[]]
    left = room = _room(columns, width)
    for row in rows:
        needed = _GAP + max(len(row[0]), _NARROWEST)
        if needed > left and parts[-1]:
            parts.append([])
            left = room
        parts[-1].append(row)
        left -= needed
    return parts


def _table(
    console: Console, corner: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[Cell]]]
) -> None:
    grid = [[Text(corner, style="dim"), *(Text(c, style="dim") for c in columns)]]
    grid += [[Text(name, style="bold"), *map(_cell, cells)] for name, cells in rows]
    grid = [[fit(text, console) for text in line] for line in grid]
    widths = [max(line[k].cell_len for line in grid) for k in range(len(grid[0]))]
    console.print()
    for line in grid:
        joined = Text(" ")
        for text, width in zip(line, widths, strict=True):
            joined.append_text(text)
            joined.append(" " * (width - text.cell_len + _GAP))
        joined.rstrip()
        console.print(joined, highlight=False, soft_wrap=True)
    console.print()


def _cell(cell: Cell) -> Text:
    if cell.status is None:
        return Text("–", style="dim")
    return Text(f"{cell.symbol} {cell.figures}", style=STYLES[cell.status])
