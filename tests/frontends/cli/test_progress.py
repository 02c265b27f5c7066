"""The progress of a run: it counts what is run, as a bar or as a line now and then."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from nodecheck.frontends.cli import progress as module
from nodecheck.frontends.cli.progress import SECONDS_BETWEEN_LINES, RunCount, progress
from nodecheck.results import LayerCard, Outcome
from nodecheck.runner.examine import examine
from nodecheck.runner.measure import blank
from nodecheck.runner.plan import make_plan

CARDS = [LayerCard("first", "", "n_steps"), LayerCard("second", "", "tol")]


def told_of(outcome, cards=CARDS):
    """Return what is told while a plan is examined whose checks all have one outcome, and the plan."""
    plan, told, made = make_plan(cards, profile="smoke", select="*", seed=0), [], 0

    def measure(card, check, problem):
        nonlocal made
        made += 1
        return replace(blank(card.name, check, problem, 0), outcome=outcome)

    count = RunCount(plan, lambda *what: told.append(what))
    for result in examine(plan, measure):
        count.add(result)
    return told, made, plan


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.ERROR, Outcome.UNSUPPORTED])
def test_the_count_ends_at_its_total_which_is_what_was_run(outcome):
    told, made, _ = told_of(outcome)
    _, last, total = told[-1]
    assert last == total == made


def test_the_total_is_known_from_the_start_where_nothing_breaks():
    told, made, plan = told_of(Outcome.INCONCLUSIVE)
    assert {total for _, _, total in told} == {made} == {plan.runs}


def test_what_is_left_out_does_not_move_the_count():
    told, made, plan = told_of(Outcome.INCONCLUSIVE)
    assert len(told) == plan.size > made


def test_the_layers_that_are_done_are_counted_too():
    told, _, _ = told_of(Outcome.INCONCLUSIVE)
    assert told[0][0] == "first adapter, 0 of 2 layers done"
    assert told[-1][0].endswith(", 2 of 2 layers done")


def test_a_single_layer_is_not_counted():
    told, _, _ = told_of(Outcome.INCONCLUSIVE, CARDS[:1])
    assert told[0][0] == "first adapter"


def test_without_a_terminal_there_is_a_line_now_and_then(capsys):
    times = iter([0.0, 1.0, SECONDS_BETWEEN_LINES, SECONDS_BETWEEN_LINES + 1, 3 * SECONDS_BETWEEN_LINES])
    with progress("run", lambda: next(times)) as tell:
        for made in range(1, 5):
            tell(f"mine check-{made}", made, 7)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "2 of 7 runs in 30.0 s: mine check-2",
        "4 of 7 runs in 1 min 30 s: mine check-4",
    ]


def test_a_short_run_without_a_terminal_prints_no_progress(capsys):
    with progress("run") as tell:
        tell("mine adapter", 1, 2)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_in_a_terminal_there_is_a_bar_whose_numbers_are_never_cut(width):
    console = Console(file=io.StringIO(), force_terminal=True, width=width)
    with module._bar(console) as tell:
        tell(f"{'a-long-name-of-a-layer-' * 3} a-check", 1234, 5678)
    assert "a-long-name" in console.file.getvalue()
    assert "1234/5678" in console.file.getvalue()
