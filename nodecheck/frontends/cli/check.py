"""`nodecheck check`: load the targets, run the checks in child processes, write what was found."""

from __future__ import annotations

import importlib
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from nodecheck.frontends.cli.arguments import EXIT_CODES, TARGETS, complain, make_folder, use_one_thread
from nodecheck.options.option import on_command_line
from nodecheck.options.settings import Settings, settle, with_expectations
from nodecheck.runner import forkserver

if TYPE_CHECKING:
    from pathlib import Path

    from nodecheck.results import Result, Run
    from nodecheck.runner.journal import Journal
    from nodecheck.runner.plan import Plan

# Everything heavy is imported inside the functions: the help text has to come at once.

_OPTIONS = ("profile", "select", "output", "seed", "jobs", "time-limit", "memory-limit", "strict")
_INTERRUPTED = "The run was interrupted: what it did not reach is inconclusive; --resume goes on."


@click.command(epilog=TARGETS + "\n" + EXIT_CODES)
@click.argument("targets", metavar="TARGET...", nargs=-1)
@on_command_line(*_OPTIONS)
@click.option("--resume", is_flag=True, help="Go on with the run that was interrupted in this folder.")
@click.option("--debug", is_flag=True, help="Show tracebacks of targets that cannot be loaded.")
@click.pass_context
def check(context: click.Context, /, targets: tuple[str, ...], **given: Any) -> None:
    """Check layers, print the verdict, and write run.json, index.html, junit.xml and summary.md.

    Without TARGET those of the configuration are checked: [tool.nodecheck] of pyproject.toml, or
    nodecheck.toml.
    """
    settings = settle(context, targets, **given)
    make_folder(settings.folder)
    forkserver.start(settings.targets)  # its imports run beside ours
    # Killed politely, by a job that runs out of time for instance, what was measured is kept as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _journal(settings) as journal:
        run, interrupted = _run(settings, journal)
        journal.complete = _write(run, settings.folder) and not interrupted
    sys.exit(130 if interrupted else run.exit_code(strict=settings.strict))


def _journal(settings: Settings) -> Journal:
    from nodecheck.runner.journal import FolderInUse, Journal, OtherRun

    try:
        return Journal(settings.folder, settings.identity, resume=settings.resume)
    except FolderInUse as error:
        message = f"--output must be a folder of its own, got one where {error}; name another"
        raise click.UsageError(message) from error
    except OtherRun as error:
        message = (
            f"--resume expects the command of the interrupted run, but {error}; repeat that, or drop --resume"
        )
        raise click.UsageError(message) from error


def _run(settings: Settings, journal: Journal) -> tuple[Run, bool]:
    """Load, plan and examine; return the run and whether it was interrupted."""
    from nodecheck.runner.examine import complete
    from nodecheck.runner.isolation import describe
    from nodecheck.runner.plan import make_plan
    from nodecheck.runner.session import assemble, skipped_target

    loaded = describe(settings.targets, settings.memory_limit)
    complain(loaded, debug=settings.debug)
    all_loaded = not (loaded.missing or loaded.load_errors)
    cards = with_expectations(loaded.everyone, settings, complete=all_loaded)
    try:
        plan = make_plan(cards, profile=settings.profile, select=settings.select, seed=settings.seed)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if settings.time_limit is not None:
        plan = replace(plan, profile=replace(plan.profile, seconds=settings.time_limit))
    use_one_thread()
    # The page is drawn at the end; what draws it is imported while the layers are measured.
    threading.Thread(target=importlib.import_module, args=("nodecheck.report.html",), daemon=True).start()
    found, interrupted = _examine(plan, settings, journal)
    if interrupted:
        found = list(complete(plan, found))
    run = assemble(
        plan,
        [*(skipped_target(name, reason) for name, reason in loaded.missing.items()), *found],
        targets=settings.targets,
        command=_command(settings.targets),
        load_errors=loaded.load_errors,
        warnings=tuple(_warnings(journal, interrupted=interrupted)),
    )
    return run, interrupted


def _warnings(journal: Journal, *, interrupted: bool) -> Iterator[str]:
    if interrupted:
        yield _INTERRUPTED
    if journal.done:
        yield f"Resumed: {len(journal.done)} results are those of the interrupted run."
    if journal.trouble:
        yield f"The journal could not be written ({journal.trouble}): this run cannot be resumed."


def _examine(plan: Plan, settings: Settings, journal: Journal) -> tuple[list[Result], bool]:
    """Examine the layers with a progress bar; return the results and whether Ctrl-C ended it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    results: list[Result] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    known = {result.id for result in journal.done}
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("", total=plan.size)
        try:
            for result in _results(plan, settings, journal.done):
                results.append(result)
                if result.id not in known:
                    journal.append(result)
                progress.update(task, advance=1, description=f"{result.layer[:40]}  {result.check}")
        except KeyboardInterrupt:
            return results, True
    return results, False


def _results(plan: Plan, settings: Settings, done: tuple[Result, ...]) -> Iterator[Result]:
    from nodecheck.runner.examine import examine
    from nodecheck.runner.isolation import Isolation
    from nodecheck.runner.parallel import examine_in_parallel

    def isolation() -> Isolation:
        return Isolation(plan.profile, plan.seed, settings.memory_limit)

    if settings.jobs > 1 and len(plan.cards) > 1:
        yield from examine_in_parallel(plan, settings.jobs, isolation, done)
        return
    with isolation() as measure:
        yield from examine(plan, measure, done)


def _command(targets: tuple[str, ...]) -> str:
    """Return the command that repeats this run, with the path of the program left out."""
    return (
        shlex.join(["nodecheck", *sys.argv[1:]])
        if sys.argv[1:2] == ["check"]
        else f"nodecheck check {shlex.join(targets)}"
    )


def _write(run: Run, folder: Path) -> bool:
    """Write the record first, print the verdict, and draw the page last; return whether all was written."""
    from rich.console import Console

    from nodecheck.report import terminal
    from nodecheck.report.files import PAGE, tell_github, write_record, write_views

    trouble = list(write_record(run, folder))
    terminal.render(run, Console(), report=str(folder / PAGE))
    trouble += write_views(run, folder)
    tell_github(run)
    for sentence in trouble:
        click.echo(f"Error: {sentence}", err=True)
    return not trouble
