"""`nodecheck check`: load the targets, run the checks in child processes, write the report."""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from nodecheck.frontends.cli.arguments import (
    EXIT_CODES,
    TARGETS,
    apply_configuration,
    end_politely,
    interruptible,
    make_folder,
    report_load_errors,
    targets_or_configured,
    usage_errors,
)
from nodecheck.options.option import on_command_line
from nodecheck.runner import forkserver

if TYPE_CHECKING:
    from pathlib import Path

    from nodecheck.options.settings import Settings
    from nodecheck.results import Result, Run
    from nodecheck.runner.children import Children
    from nodecheck.runner.journal import Journal
    from nodecheck.runner.session import Session

# Everything heavy is imported inside the functions: the help text has to come at once.

_OPTIONS = ("profile", "select", "layer", "problem", "device", "dtype", "output", "seed", "jobs")
_LIMITS = ("time-limit", "memory-limit", "strict")
_INTERRUPTED = "The run was interrupted: what it did not reach is inconclusive; --resume goes on."


@click.command(epilog=TARGETS + "\n" + EXIT_CODES)
@click.argument("targets", metavar="TARGET...", nargs=-1)
@on_command_line(*_OPTIONS, *_LIMITS)
@click.option("--resume", is_flag=True, help="Continue the run that was interrupted in this folder.")
@click.option("-v", "--verbose", is_flag=True, help="Print every check that did not pass, with its numbers.")
@click.option("--debug", is_flag=True, help="Show tracebacks of targets that cannot be loaded.")
@click.pass_context
def check(
    context: click.Context,
    /,
    targets: tuple[str, ...],
    resume: bool,
    verbose: bool,
    debug: bool,
    **options: Any,
) -> None:
    """Check layers, print the verdict, and write run.json, index.html, junit.xml and summary.md.

    Without TARGET those of the configuration are checked: [tool.nodecheck] of pyproject.toml, or
    nodecheck.toml.
    """
    from nodecheck.runner.children import Children

    settings = _settings(context, targets, options)
    # Fields of the user's own are imported by the children alone, and so are their references computed.
    forkserver.start(
        settings.targets, profile="" if settings.problems else settings.profile, select=settings.select
    )
    end_politely()
    with interruptible(), Children(settings.memory_limit) as children:
        session = _planned(settings, children, debug=debug)
        make_folder(settings.folder)  # only now: wrong usage leaves none
        with _journal(settings, resume=resume) as journal:
            run, interrupted = _run(settings, session, children, journal)
            journal.complete = _write(run, settings.folder, verbose=verbose) and not interrupted
    sys.exit(130 if interrupted else run.exit_code(strict=settings.strict))


def _settings(context: click.Context, targets: tuple[str, ...], options: dict[str, Any]) -> Settings:
    """Return the settings of the run; no target at all is a usage error."""
    from nodecheck.options.settings import resolve_settings

    configuration = apply_configuration(context, options)
    chosen = targets_or_configured(context, targets, configuration)
    with usage_errors():
        return resolve_settings(chosen, options, configuration, every_layer=not targets)


def _journal(settings: Settings, *, resume: bool) -> Journal:
    from nodecheck.runner.journal import FolderInUse, Journal, OtherRun

    try:
        return Journal(settings.folder, settings.identity, resume=resume)
    except FolderInUse as error:
        message = f"--output must be a folder of its own, got one where {error}; name another"
        raise click.UsageError(message) from error
    except OtherRun as error:
        message = (
            f"--resume expects the command of the interrupted run, but {error}; repeat that, or drop --resume"
        )
        raise click.UsageError(message) from error


def _planned(settings: Settings, children: Children, *, debug: bool) -> Session:
    """Load the targets and plan the run; wrong usage ends the command."""
    from nodecheck.runner.session import Session, plan_for

    threading.Thread(target=_prepare_report, daemon=True).start()
    loaded = children.describe(settings.targets, settings.problems)
    report_load_errors(loaded, debug=debug)
    with usage_errors():
        return Session(plan_for(loaded, settings), loaded)


def _run(settings: Settings, session: Session, children: Children, journal: Journal) -> tuple[Run, bool]:
    """Examine and assemble; return the run, and True if it was interrupted."""
    from nodecheck.frontends.cli.progress import RunCount, progress
    from nodecheck.options.devices import not_measured
    from nodecheck.runner.children import examine_in_children

    known = {result.id for result in journal.done}
    with progress("run") as tell:
        tell("", 0, session.plan.runs)
        count = RunCount(session.plan, tell)

        def advance(result: Result) -> None:
            if result.id not in known:
                journal.append(result)
            count.add(result)

        results = examine_in_children(
            session.plan,
            children,
            jobs=settings.jobs,
            done=journal.done,
            references=session.loaded.references,
        )
        examined = session.examine(results, advance=advance)
    run = session.record(
        examined.results,
        targets=settings.targets,
        command=_command(settings.targets),
        warnings=(
            *not_measured(settings.device, session.loaded.environment),
            *_warnings(journal, interrupted=examined.interrupted),
        ),
    )
    return run, examined.interrupted


def _prepare_report() -> None:
    """Import what the report needs, and compile the page, while the child process imports torch."""
    from nodecheck.report import html, terminal  # noqa: F401
    from nodecheck.results import Run
    from nodecheck.runner import journal

    journal.prepare()
    html.render(Run(()))


def _warnings(journal: Journal, *, interrupted: bool) -> Iterator[str]:
    if interrupted:
        yield _INTERRUPTED
    if journal.done:
        yield f"Resumed: {len(journal.done)} results are those of the interrupted run."
    if journal.trouble:
        yield f"The journal could not be written ({journal.trouble}): this run cannot be resumed."


def _command(targets: tuple[str, ...]) -> str:
    """Return the command that repeats this run, without the path of the program."""
    return (
        shlex.join(["nodecheck", *sys.argv[1:]])
        if sys.argv[1:2] == ["check"]
        else f"nodecheck check {shlex.join(targets)}"
    )


def _write(run: Run, folder: Path, *, verbose: bool) -> bool:
    """Write the record first, print the verdict, and draw the page last; return True if all was written."""
    from rich.console import Console

    from nodecheck.report import terminal
    from nodecheck.report.files import PAGE, annotate_github, write_record, write_views

    trouble = list(write_record(run, folder))
    terminal.render(run, Console(), report=str(folder / PAGE), verbose=verbose)
    trouble += write_views(run, folder)
    annotate_github(run)
    for sentence in trouble:
        click.echo(f"Error: {sentence}", err=True)
    return not trouble
