"""`nodecheck replay`: one result of a stored run once more, on the layer as it is now."""

from __future__ import annotations

import difflib
import glob
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from nodecheck.commands import use_one_thread
from nodecheck.run_file import stored_run

if TYPE_CHECKING:
    from nodecheck.layers import TorchLayer
    from nodecheck.results import Result, Run

_EXIT_CODES = """\b
Exit codes:
  0  FIXED, or it passes as it did       2  no such result, or not one that can be repeated
  1  STILL FAILING, or not decided       3  ERROR: the layer can no longer be loaded
"""


@click.command(epilog=_EXIT_CODES)
@click.argument("run", callback=stored_run, metavar="RUN.JSON")
@click.argument("result_id", metavar="RESULT-ID")
def replay(run: Run, result_id: str) -> None:
    """Repeat one check of a stored run with its profile and seed, and say whether it is fixed.

    RESULT-ID is layer:check:problem, as the report shows it.  The target that the run names is imported from
    the current directory, and its layer runs in this process.
    """
    then = _find(run, result_id)
    layer = _load(run, then)
    use_one_thread()
    now = _repeat(run, then, layer)
    word, code = _outcome(then, now)
    _say(word, then, now)
    sys.exit(code)


def _find(run: Run, result_id: str) -> Result:
    """Return the result of this id, or of this anchor in the report."""
    from nodecheck.report.anchors import anchor
    from nodecheck.report.numbers import shorten

    for result in run.results:
        if result_id in (result.id, anchor(result.id)):
            return result
    near = difflib.get_close_matches(result_id[:400], [r.id[:400] for r in run.results], n=1)
    hint = f"did you mean {shorten(near[0], 200)}?" if near else "the report shows the ids"
    message = f"expected the id of a result of the run, got {shorten(result_id, 200)!r}; {hint}"
    raise click.UsageError(message)


def _load(run: Run, then: Result) -> TorchLayer:
    """Return the layer of a result from its target; end the command where that cannot be."""
    from nodecheck.layers.discovery import load_target
    from nodecheck.layers.imports import TargetError, UsageError
    from nodecheck.layers.registry import MissingLibrary
    from nodecheck.report.numbers import shorten

    target = next((card.target for card in run.layers if card.name == then.layer), None)
    name = shorten(then.layer)
    if not target:
        why = "was given as an object" if target == "" else "was never loaded"
        message = f"expected a layer that a target names, got {name!r}, which {why}; repeat it where it is"
        raise click.UsageError(message)
    try:
        found = load_target(target)
    except (TargetError, UsageError, MissingLibrary) as error:
        _give_up(str(error))
    layer = next((candidate for candidate in found if candidate.name == then.layer), None)
    if layer is None:
        names = ", ".join(candidate.name for candidate in found)
        _give_up(f"expected a layer {name!r} in {target!r}, got {names}; was it given another name?")
    return layer


def _give_up(sentence: str) -> NoReturn:
    from nodecheck.report.numbers import clean

    click.echo(f"ERROR: {clean(sentence)}", err=True)
    sys.exit(3)


def _repeat(run: Run, then: Result, layer: TorchLayer) -> Result:
    """Return the result as it is now; where its check was skipped, the one that says why."""
    from nodecheck.runner import run as run_checks

    try:
        found = run_checks(layer, profile=run.profile, select=glob.escape(then.check), seed=run.seed).results
    except ValueError as error:
        raise click.UsageError(f"{then.id} cannot be repeated: {error}") from error
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


def _say(word: str, then: Result, now: Result) -> None:
    from rich.console import Console

    from nodecheck.report.console import say
    from nodecheck.report.numbers import clean, sentence, shorten
    from nodecheck.report.words import statement

    console = Console()
    say(console, f"{word}  {shorten(then.id, 400)}")
    say(console, f"{statement(now)}.", indent=2)
    for text in filter(None, (now.reason.strip(), now.diagnosis.strip())):
        say(console, clean(text), indent=2)
    before = {m.name: m for m in then.measurements}
    for m in now.violated or now.measurements:
        old = f" (then {sentence(before[m.name])})" if m.name in before else ""
        say(console, f"{shorten(m.name)}: {sentence(m)}{old}", indent=2, hang=2)
