"""`nodecheck check`: load the targets, run the checks in child processes, write what was found."""

from __future__ import annotations

import importlib
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nodecheck import __version__, forkserver
from nodecheck.commands import EXIT_CODES, TARGETS, complain, folder_name, make_folder, use_one_thread

if TYPE_CHECKING:
    from nodecheck.layers.loading import Loaded
    from nodecheck.results import LayerCard, Result, Run
    from nodecheck.runner import Plan
    from nodecheck.runner.journal import Journal

# Everything heavy is imported inside the functions: the help text has to come at once.

_PROFILES = ("smoke", "ci", "full")
_INTERRUPTED = "The run was interrupted: the results are those that were there until then; --resume goes on."
_GIBIBYTE = 2**30


@dataclass(frozen=True)
class Settings:
    """What the command line asked for."""

    targets: tuple[str, ...]
    profile: str
    select: str
    folder: Path
    seed: int
    jobs: int
    memory_limit: int
    time_limit: float | None
    resume: bool

    @property
    def identity(self) -> dict[str, Any]:
        """What makes two runs the same, for --resume."""
        return {
            "targets": list(self.targets),
            "profile": self.profile,
            "select": self.select,
            "seed": self.seed,
            "version": __version__,
        }


@click.command(epilog=TARGETS + "\n" + EXIT_CODES)
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option(
    "--profile", type=click.Choice(_PROFILES), default="ci", show_default=True, help="How thorough."
)
@click.option("--select", metavar="GLOB", default="*", help="Only checks whose id matches.")
@click.option(
    "--output", metavar="DIR", type=click.Path(path_type=Path), help="Folder of all that is written."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all draws.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Layers at a time.")
@click.option("--resume", is_flag=True, help="Go on with the run that was interrupted in this folder.")
@click.option(
    "--memory-limit", metavar="GIB", type=click.FloatRange(min=1), help="Of one layer; half of the machine's."
)
@click.option(
    "--time-limit", metavar="SECONDS", type=click.FloatRange(min=0.1), help="Of one check; by the profile."
)
@click.option("--strict", is_flag=True, help="Exit 1 also if a layer could not be verified.")
@click.option("--debug", is_flag=True, help="Show tracebacks of targets that cannot be loaded.")
def check(
    targets: tuple[str, ...],
    output: Path | None,
    memory_limit: float | None,
    strict: bool,
    debug: bool,
    **options: Any,
) -> None:
    """Check layers, print the verdict, and write run.json and index.html."""
    folder = output or Path("reports") / folder_name(targets)
    make_folder(folder)
    forkserver.start(targets)  # its imports run beside ours
    settings = Settings(targets, folder=folder, memory_limit=_bytes(memory_limit, options["jobs"]), **options)
    # Killed politely, by a job that runs out of time for instance, what was measured is kept as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _journal(settings) as journal:
        run, interrupted = _run(settings, journal, debug=debug)
        journal.complete = _write(run, folder) and not interrupted
    sys.exit(130 if interrupted else run.exit_code(strict=strict))


def _bytes(gibibytes: float | None, jobs: int) -> int:
    """Return the memory limit of a layer: by default, all layers at a time may use half of the machine."""
    import psutil

    return int(gibibytes * _GIBIBYTE) if gibibytes else psutil.virtual_memory().total // 2 // jobs


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


def _run(settings: Settings, journal: Journal, *, debug: bool) -> tuple[Run, bool]:
    """Load, plan and examine; return the run and whether it was interrupted."""
    from nodecheck.runner import assemble, make_plan, skipped_target
    from nodecheck.runner.isolation import describe

    loaded = describe(settings.targets, settings.memory_limit)
    complain(loaded, debug=debug)
    try:
        plan = make_plan(
            loaded.everyone, profile=settings.profile, select=settings.select, seed=settings.seed
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if settings.time_limit is not None:
        plan = replace(plan, profile=replace(plan.profile, seconds=settings.time_limit))
    use_one_thread()
    results = [skipped_target(name, reason) for name, reason in loaded.missing.items()]
    # The page is drawn at the end; what draws it is imported while the layers are measured.
    threading.Thread(target=importlib.import_module, args=("nodecheck.report.html",), daemon=True).start()
    found, interrupted = _examine(plan, settings, journal)
    run = assemble(
        plan,
        results + found,
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
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("", total=plan.size)
        try:
            for result in _results(plan, settings, journal.done):
                results.append(result)
                if result not in journal.done:
                    journal.append(result)
                progress.update(task, advance=1, description=f"{result.layer[:40]}  {result.check}")
        except KeyboardInterrupt:
            return results, True
    return results, False


def _results(plan: Plan, settings: Settings, done: tuple[Result, ...]) -> Iterator[Result]:
    from nodecheck.runner import examine
    from nodecheck.runner.isolation import Isolation
    from nodecheck.runner.parallel import examine_in_parallel

    def isolation() -> Isolation:
        return Isolation(plan.profile, plan.seed, settings.memory_limit)

    if settings.jobs > 1:
        yield from examine_in_parallel(plan, settings.jobs, isolation, done)
        return
    with isolation() as measure:
        yield from examine(plan, measure, done)


def _command(targets: tuple[str, ...]) -> str:
    """Return the command that repeats this run, with the path of the program left out."""
    import shlex

    return (
        shlex.join(["nodecheck", *sys.argv[1:]])
        if sys.argv[1:2] == ["check"]
        else f"nodecheck check {shlex.join(targets)}"
    )


def _write(run: Run, folder: Path) -> bool:
    """Write the record first, print the verdict, and draw the page last; return whether all was written."""
    from rich.console import Console

    from nodecheck.artifacts import PAGE, write_record, write_views
    from nodecheck.report import terminal

    trouble = list(write_record(run, folder))
    terminal.render(run, Console(), report=str(folder / PAGE))
    trouble += write_views(run, folder)
    for sentence in trouble:
        click.echo(f"Error: {sentence}", err=True)
    return not trouble
