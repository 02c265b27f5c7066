"""The scorecard in the terminal: a row for each layer, a column for each theme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from nodecheck.report import words
from nodecheck.report.console import STYLES, fit, say
from nodecheck.report.numbers import shorten
from nodecheck.report.summary import Cell, scorecard, themes
from nodecheck.results import Run

_LONG, _SHORT = 60, 28  # names of layers, where there is room and where there is not


def print_scorecard(run: Run, layers: Sequence[str], console: Console) -> None:
    """Print the matrix of layers and themes; on its side, and in parts, where the window is too narrow."""
    columns = [shorten(t or "other", 20) for t in themes(run)]
    whole = scorecard(run, layers)
    if not columns or not whole:
        return
    for length in (_LONG, _SHORT):
        rows = [(shorten(name, length), cells) for name, cells in whole]
        fits = _width([name for name, _ in rows], columns, [cells for _, cells in rows]) <= console.width
        if fits:
            break
    if len({name for name, _ in rows}) < len(rows):  # on its side, the window alone limits a name
        fits, length = False, max(_SHORT, min(_LONG, _room(columns, console.width) - 3))
        rows = [(shorten(name, length), cells) for name, cells in whole]
    if fits and len(rows) > 1:
        _table(console, "layer", columns, rows)
    else:
        for part in _parts(rows, columns, console.width):
            turned = [(theme, [cells[k] for _, cells in part]) for k, theme in enumerate(columns)]
            _table(console, "", [name for name, _ in part], turned)
    used = [s for s in words.SYMBOLS if run.count(s)]
    legend = Text("   ").join(
        [Text(f"{words.SYMBOLS[s]} {words.status_word(s)}", style=STYLES[s]) for s in used]
    )
    say(console, legend, indent=1)


def _width(names: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Cell]]) -> int:
    first = max(map(len, names)) + 3
    return first + sum(
        3 + max([len(column), *(len(row[k].figures) + 5 for row in cells)])
        for k, column in enumerate(columns)
    )


def _room(columns: Sequence[str], width: int) -> int:
    """Return how wide the layers may be together where each theme has a row."""
    return width - max(map(len, columns)) - 4


def _parts(
    rows: list[tuple[str, list[Cell]]], columns: Sequence[str], width: int
) -> list[list[tuple[str, list[Cell]]]]:
    """Return the layers in as many parts as it takes for each to fit beside the themes."""
    parts: list[list[tuple[str, list[Cell]]]] = [[]]
    left = room = _room(columns, width)
    for row in rows:
        needed = 3 + max(len(row[0]), 8)
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
            joined.append(" " * (width - text.cell_len + 3))
        joined.rstrip()
        console.print(joined, highlight=False, soft_wrap=True)
    console.print()


def _cell(cell: Cell) -> Text:
    return (
        Text(f"{cell.symbol} {cell.figures}", style=STYLES[cell.status])
        if cell.status
        else Text("–", style="dim")
    )
