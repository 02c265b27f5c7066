"""`nodecheck replay`: one result of a stored run once more, on the layer as it is now."""

from __future__ import annotations

import difflib
import glob
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import click

from nodecheck.frontends.cli.stored_run import stored_run
from nodecheck.options.option import on_command_line
from nodecheck.options.settings import in_bytes
from nodecheck.runner import forkserver

if TYPE_CHECKING:
    from nodecheck.results import LayerCard, Result, Run

_EXIT_CODES = """\b
Exit codes:
  0  FIXED, or it passes as it did       3    ERROR: the layer can no longer be loaded
  1  STILL FAILING, or not decided       130  interrupted
  2  no such result, or not one that can be repeated
"""


@click.command(epilog=_EXIT_CODES)
@click.argument("run", callback=stored_run, metavar="RUN")
@click.argument("result_id", metavar="RESULT-ID")
@on_command_line("memory-limit", "time-limit")
def replay(run: Run, result_id: str, memory_limit: float | None, time_limit: float | None) -> None:
    """Repeat one check of a stored run with its profile and seed, and say whether it is fixed.

    RUN is a run.json, or the folder that holds it.  RESULT-ID is layer:check:problem, as the report shows it.
    The target that the run names is imported from the current directory, and its layer runs in a child
    process.
    """
    then = _find(run, result_id)
    target = _target(run, then)
    forkserver.start((target,))  # its imports run beside ours
    try:
        card = _load(target, then, in_bytes(memory_limit))
        found = _repeat(run, then, card, in_bytes(memory_limit), time_limit)
    except KeyboardInterrupt:
        sys.exit(130)
    now = _same(then, found)
    word, code = _outcome(then, now)
    _say(word, then, now, found)
    sys.exit(code)


def _find(run: Run, result_id: str) -> Result:
    """Return the result of this id, or of this anchor in the report."""
    from nodecheck.report.anchors import anchor
    from nodecheck.report.numbers import shorten

    for result in run.results:
        if result_id in (result.id, anchor(result.id)):
            return result
    known = {name[:400]: found.id for name, found in _names(run).items()}
    near = difflib.get_close_matches(result_id[:400], known, n=1)
    hint = f"did you mean {shorten(known[near[0]], 200)}?" if near else "the report shows the ids"
    message = f"expected the id of a result of the run, got {shorten(result_id, 200)!r}; {hint}"
    raise click.UsageError(message)


def _names(run: Run) -> dict[str, Result]:
    """Return what results may be called: by their ids, and by layer:check, the failed ones first."""
    from nodecheck.report.words import WRONG

    wrong_last = sorted(run.results, key=lambda r: r.status in WRONG)  # the last one of a name holds
    by_check = {f"{r.layer}:{r.check}": r for r in wrong_last}
    return {r.id: r for r in run.results} | by_check


def _target(run: Run, then: Result) -> str:
    """Return the target of the layer of a result; end the command where there is none."""
    from nodecheck.report.numbers import shorten

    target = next((card.target for card in run.layers if card.name == then.layer), None)
    if target:
        return target
    why = "was given as an object" if target == "" else "was never loaded"
    name = shorten(then.layer)
    message = f"expected a layer that a target names, got {name!r}, which {why}; repeat it where it is"
    raise click.UsageError(message)


def _load(target: str, then: Result, memory_limit: int) -> LayerCard:
    """Return what the layer of a result claims now; end the command where it cannot be loaded."""
    from nodecheck.report.numbers import shorten
    from nodecheck.runner.isolation import describe

    loaded = describe((target,), memory_limit)
    for error in (*loaded.usage_errors.values(), *loaded.load_errors.values(), *loaded.missing.values()):
        _give_up(error)
    card = next((candidate for candidate in loaded.everyone if candidate.name == then.layer), None)
    if card is None:
        names = ", ".join(shorten(candidate.name) for candidate in loaded.everyone)
        name = shorten(then.layer)
        _give_up(f"expected a layer {name!r} in {target!r}, got {names}; was it given another name?")
    return card


def _give_up(sentence: str) -> NoReturn:
    from nodecheck.report.numbers import clean

    click.echo(f"ERROR: {clean(sentence)}", err=True)
    sys.exit(3)


def _repeat(
    run: Run, then: Result, card: LayerCard, memory_limit: int, seconds: float | None
) -> list[Result]:
    """Return the results of its check as they are now, behind those of the checks that it needs."""
    from nodecheck.runner.examine import examine
    from nodecheck.runner.isolation import Isolation
    from nodecheck.runner.plan import make_plan

    try:
        plan = make_plan([card], profile=run.profile, select=glob.escape(then.check), seed=run.seed)
    except ValueError as error:
        raise click.UsageError(f"{then.id} cannot be repeated: {error}") from error
    profile = replace(plan.profile, seconds=seconds or plan.profile.seconds)
    with Isolation(profile, run.seed, memory_limit) as measure:
        return list(examine(replace(plan, profile=profile), measure))


def _same(then: Result, found: list[Result]) -> Result:
    """Return the result as it is now; where its check was skipped, the one that says why."""
    of_check = [r for r in found if r.check == then.check]
    now = next((r for r in of_check if r.id == then.id), None)
    if now is None and not of_check:
        raise click.UsageError(f"{then.id} cannot be repeated: this version does not run that check here")
    return now or of_check[0]


def _outcome(then: Result, now: Result) -> tuple[str, int]:
    """Return what became of it, in a word, and the exit code."""
    from nodecheck.report.words import WRONG
    from nodecheck.results import Status

    failed = (*WRONG, Status.XFAILED)
    if now.id == then.id and now.status in (Status.PASSED, Status.XPASSED):
        return ("FIXED" if then.status in failed else "PASSES", 0)
    if now.status in failed:
        return ("STILL FAILING" if then.status in failed else "FAILING", 1)
    return ("NOT DECIDED", 1)


def _say(word: str, then: Result, now: Result, found: list[Result]) -> None:
    """Print what became of a result, and what the checks before it say where it means nothing without."""
    from rich.console import Console

    from nodecheck.report.console import say
    from nodecheck.report.numbers import clean, sentence, shorten
    from nodecheck.report.words import WRONG, statement
    from nodecheck.results import Status

    console = Console()
    say(console, f"{word}  {shorten(then.id, 400)}")
    before = {m.name: m for m in then.measurements}
    wrong = [r for r in found if r.status in WRONG] if now.status is Status.SKIPPED else []
    for result in (now, *wrong):
        say(console, f"{statement(result)}.", indent=2)
        for text in filter(None, (result.reason.strip(), result.diagnosis.strip())):
            say(console, clean(text), indent=2)
        for m in result.violated or result.measurements:
            old = f" (then {sentence(before[m.name])})" if result is now and m.name in before else ""
            say(console, f"{shorten(m.name)}: {sentence(m)}{old}", indent=2, hang=2)
    printed = "\n".join(filter(None, (r.output for r in found)))
    if printed:
        say(console, f"The layer printed:\n{clean(printed)}", indent=2, hang=2)
