"""`nodecheck replay`: one result of a stored run measured again, on the layer as it is now."""

from __future__ import annotations

import fnmatch
import glob
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import click

from nodecheck.frontends.cli.arguments import interruptible
from nodecheck.frontends.cli.stored_result import find_result, target_of
from nodecheck.frontends.cli.stored_run import stored_run
from nodecheck.options.option import on_command_line
from nodecheck.runner import forkserver

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nodecheck.results import LayerCard, Result, Run
    from nodecheck.runner.children import Children
    from nodecheck.targets.loading import LoadedTargets

_LONGEST_ID = 400  # characters in a message
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
    from nodecheck.options.settings import in_bytes

    then = find_result(run, result_id)
    target = target_of(run, then)
    own = _own_problems(run)
    forkserver.start((target,), profile="" if own else run.profile, select=glob.escape(then.check))
    with interruptible():
        found = _repeat(run, then, target, memory_limit=in_bytes(memory_limit), seconds=time_limit)
    now = _counterpart(then, found)
    word, code = _outcome(then, now)
    _say(word, then, now, found)
    sys.exit(code)


def _repeat(
    run: Run, then: Result, target: str, *, memory_limit: int, seconds: float | None
) -> tuple[Result, ...]:
    """Return the results of its check as they are now, after those of the checks that it needs."""
    from nodecheck.runner.children import Children, examine_in_children
    from nodecheck.runner.plan import make_plan, standing_for

    with Children(memory_limit) as children:
        card, own = _load(children, target, run, then)
        select = glob.escape(then.check)
        try:
            plan = make_plan(
                [card],
                profile=run.profile,
                select=select,
                seed=run.seed,
                seconds=seconds,
                problems=tuple(map(standing_for, own.fields.values())),
            )
        except ValueError as error:
            raise click.UsageError(f"{then.id} cannot be repeated: {error}") from error
        return tuple(examine_in_children(plan, children, references=own.references))


def _own_problems(run: Run) -> tuple[str, ...]:
    """Return the targets of the user's own problems in a run; one without a target is a usage error."""
    for problem in run.problems:
        if not problem.target:
            message = (
                f"expected problems that targets name, got {problem.name!r}, which was given as an object; "
                f"repeat the check where the problem is defined"
            )
            raise click.UsageError(message)
    return tuple(problem.target for problem in run.problems)


def _load(
    children: Children, target: str, run: Run, then: Result
) -> tuple[LayerCard, LoadedTargets[LayerCard]]:
    """Return the claims of the layer of a result as they are now, and all that was loaded with it.

    The command ends if something cannot be loaded.
    """
    from nodecheck.frontends.cli.arguments import usage_errors
    from nodecheck.options.devices import devices_of
    from nodecheck.options.dtypes import in_dtype
    from nodecheck.report.numbers import shorten

    before = next(card for card in run.layers if card.name == then.layer)

    loaded = children.describe((target,), _own_problems(run))
    for error in (*loaded.usage_errors.values(), *loaded.load_errors.values(), *loaded.missing.values()):
        _give_up(error)
    card = next((one for one in loaded.layers if one.name == before.name_in_target), None)
    if card is None:
        names = ", ".join(shorten(candidate.name) for candidate in loaded.layers)
        name = shorten(before.name_in_target)
        _give_up(f"expected a layer {name!r} in {target!r}, got {names}; was it given another name?")
    with usage_errors():
        devices_of(before.device, loaded.environment)
        (card,) = in_dtype([card], before.dtype)
    card = replace(card, name=before.name, source=before.source, device=before.device, dtype=before.dtype)
    return card, loaded


def _give_up(sentence: str) -> NoReturn:
    from nodecheck.report.numbers import clean

    click.echo(f"ERROR: {clean(sentence)}", err=True)
    sys.exit(3)


def _counterpart(then: Result, found: Iterable[Result]) -> Result:
    """Return the result as it is now; where its check was skipped, the one that gives the reason.

    A check whose id was given up is looked for under the ids that took its place.
    """
    from nodecheck.report.words import WRONG

    candidates = [result for result in found if _continues(then, result)]
    if not candidates:
        raise click.UsageError(f"{then.id} cannot be repeated: this version does not run that check here")
    wrong = [result for result in candidates if result.status in WRONG]
    return next((r for r in candidates if r.problem == then.problem), (*wrong, *candidates)[0])


def _continues(then: Result, now: Result) -> bool:
    """Return True if a result is of the same check as another one, or of a check that took its place."""
    from nodecheck.checks import ALIASES

    for name in ALIASES.get(then.check, (then.check,)):
        id_, _, problems = name.partition(":")
        if id_ == now.check and (not now.problem or fnmatch.fnmatchcase(now.problem, problems or "*")):
            return True
    return False


def _outcome(then: Result, now: Result) -> tuple[str, int]:
    """Return the outcome of the repetition in a word, and the exit code."""
    from nodecheck.report.words import WRONG
    from nodecheck.results import Status

    failed = (*WRONG, Status.XFAILED)
    same = now.problem == then.problem or now.check != then.check
    if same and now.status in (Status.PASSED, Status.XPASSED):
        return ("FIXED" if then.status in failed else "PASSES", 0)
    if now.status in failed:
        return ("STILL FAILING" if then.status in failed else "FAILING", 1)
    return ("NOT DECIDED", 1)


def _say(word: str, then: Result, now: Result, found: tuple[Result, ...]) -> None:
    """Print the outcome; where the check was skipped, also the failures of the checks that it needs."""
    from rich.console import Console

    from nodecheck.report.console import say
    from nodecheck.report.numbers import clean, sentence, shorten
    from nodecheck.report.words import WRONG, statement
    from nodecheck.results import Status

    console = Console()
    say(console, f"{word}  {shorten(then.id, _LONGEST_ID)}")
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
