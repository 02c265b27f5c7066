"""The progress of a run: a bar in a terminal, a line now and then where the output goes elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import click

from nodecheck.report.numbers import duration, shorten
from nodecheck.results import Outcome
from nodecheck.results.phrases import plural

if TYPE_CHECKING:
    from rich.console import Console

    from nodecheck.results import Result
    from nodecheck.runner.plan import Plan

# Tells what is done at the moment, how much is done, and how much will be.
Tell: TypeAlias = Callable[[str, int, int], None]

SECONDS_BETWEEN_LINES = 30.0
_LONGEST_LAYER_NAME = 40  # characters
_BAR_WIDTH = 20  # columns


@contextmanager
def progress(noun: str, clock: Callable[[], float] = time.monotonic) -> Iterator[Tell]:
    """Yield the function that moves a bar; where stderr is no terminal it prints lines instead.

    Parameters
    ----------
    noun
        What is counted: "run".
    clock
        Returns the time in seconds.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        with _bar(console) as tell:
            yield tell
    else:
        yield _lines(noun, clock)


@contextmanager
def _bar(console: Console) -> Iterator[Tell]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    what = TextColumn(
        "{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
    )
    columns = (BarColumn(_BAR_WIDTH), MofNCompleteColumn(), TimeElapsedColumn(), what)
    with Progress(*columns, transient=True, expand=True, console=console) as bar:
        task = bar.add_task("", total=None)

        def tell(what: str, made: int, total: int) -> None:
            bar.update(task, completed=made, total=total, description=what)

        yield tell


def _lines(noun: str, clock: Callable[[], float]) -> Tell:
    begun = last = clock()

    def tell(what: str, made: int, total: int) -> None:
        nonlocal last
        now = clock()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            click.echo(f"{made} of {plural(total, noun)} in {duration(now - begun)}: {what}", err=True)

    return tell


class RunCount:
    """The runs of a plan that are made, of those that will be: what is skipped is never one.

    Parameters
    ----------
    plan
        The layers and checks.
    tell
        Told of each result.
    """

    def __init__(self, plan: Plan, tell: Tell) -> None:
        self._plan, self._tell = plan, tell
        self.made, self.total = 0, plan.runs
        self._left = {card.name: plan.runs_of(card) for card in plan.cards}

    def add(self, result: Result) -> None:
        """Count a result."""
        spared = self._plan.spared(result)
        made = 0 if result.outcome is Outcome.SKIPPED and not result.problem else 1
        self.made += made
        self.total -= spared
        self._left[result.layer] -= made + spared
        self._tell(self._description(result), self.made, self.total)

    def _description(self, result: Result) -> str:
        layers, finished = len(self._left), sum(left == 0 for left in self._left.values())
        done = f", {finished} of {layers} layers done" if layers > 1 else ""
        return f"{shorten(result.layer, _LONGEST_LAYER_NAME)} {result.check}{done}"
