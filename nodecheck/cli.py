"""The command line: check, memory, list, explain, report."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nodecheck import __version__
from nodecheck.commands import EXIT_CODES, TARGETS, complain, folder_name, make_folder, use_one_thread
from nodecheck.memory_command import memory

if TYPE_CHECKING:
    from nodecheck.layers.loading import Loaded
    from nodecheck.results import Result, Run
    from nodecheck.runner import Plan

# Everything heavy is imported inside the commands: the help text has to come at once.

_PROFILES = ("smoke", "ci", "full")
_INTERRUPTED = "The run was interrupted: the results are those that were there until then."


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="nodecheck")
def main() -> None:
    """Tell whether a Neural ODE layer is right: its forward pass, its gradient, and why not."""


main.add_command(memory)


@main.command(epilog=TARGETS + "\n" + EXIT_CODES)
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option(
    "--profile", type=click.Choice(_PROFILES), default="ci", show_default=True, help="How thorough."
)
@click.option("--select", metavar="GLOB", default="*", help="Only checks whose id matches.")
@click.option(
    "--output", metavar="DIR", type=click.Path(path_type=Path), help="Folder of run.json, index.html."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all draws.")
@click.option("--strict", is_flag=True, help="Exit 1 also if a layer could not be verified.")
@click.option("--debug", is_flag=True, help="Show tracebacks of targets that cannot be loaded.")
def check(
    targets: tuple[str, ...],
    profile: str,
    select: str,
    output: Path | None,
    seed: int,
    strict: bool,
    debug: bool,
) -> None:
    """Check layers, print the verdict, and write run.json and index.html."""
    from nodecheck.layers.loading import load_targets
    from nodecheck.runner import make_plan

    folder = output or Path("reports") / folder_name(targets)
    make_folder(folder)
    loaded = load_targets(targets)
    complain(loaded, debug=debug)
    try:
        plan = make_plan(loaded.layers, profile=profile, select=select, seed=seed)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    use_one_thread()
    run, interrupted = _examine(plan, loaded, targets)
    _write(run, folder)
    sys.exit(130 if interrupted else run.exit_code(strict=strict))


def _examine(plan: Plan, loaded: Loaded, targets: tuple[str, ...]) -> tuple[Run, bool]:
    """Run the plan with a progress bar; return the run and whether it was interrupted."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from nodecheck.runner import assemble, examine, skipped_target

    results: list[Result] = [skipped_target(name, reason) for name, reason in loaded.missing.items()]
    interrupted = False
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Killed politely, by a job that runs out of time for instance, what was measured is kept as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("", total=plan.size)
        try:
            for result in examine(plan):
                results.append(result)
                progress.update(task, advance=1, description=f"{result.layer[:40]}  {result.check}")
        except KeyboardInterrupt:
            interrupted = True
    run = assemble(
        plan,
        results,
        targets=targets,
        command=_command(targets),
        load_errors={target: str(error) for target, error in loaded.load_errors.items()},
        warnings=(_INTERRUPTED,) if interrupted else (),
    )
    return run, interrupted


def _command(targets: tuple[str, ...]) -> str:
    """Return the command that repeats this run, with the path of the program left out."""
    import shlex

    return (
        shlex.join(["nodecheck", *sys.argv[1:]])
        if sys.argv[1:2] == ["check"]
        else f"nodecheck check {shlex.join(targets)}"
    )


def _write(run: Run, folder: Path) -> None:
    """Write the record first, the page second, and print the verdict in any case."""
    from nodecheck.results import to_json

    (folder / "run.json").write_bytes(to_json(run))
    _print(run, folder / "index.html")
    _write_page(run, folder / "index.html")


def _print(run: Run, page: Path) -> None:
    from rich.console import Console

    from nodecheck.report import terminal

    terminal.render(run, Console(), report=str(page))


def _write_page(run: Run, path: Path) -> None:
    from nodecheck.report import html

    path.write_text(html.render(run), encoding="utf-8")


@main.command()
@click.argument("path", metavar="RUN.JSON", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output", metavar="FILE", type=click.Path(path_type=Path), help="Default: index.html beside it."
)
def report(path: Path, output: Path | None) -> None:
    """Write the HTML page of a stored run again; needs no torch."""
    from nodecheck.results import load_run

    try:
        run = load_run(path)
    except ValueError as error:
        raise click.UsageError(f"{path}: {error}") from error
    target = output or path.with_name("index.html")
    _write_page(run, target)
    click.echo(str(target))


@main.command("list")
@click.argument("what", type=click.Choice(["checks", "layers", "problems"]))
def list_(what: str) -> None:
    """List checks, registered layers or problems."""
    from nodecheck.catalogue import listing

    for name, text in listing(what):
        click.echo(f"{name:<26}{text}")


@main.command()
@click.argument("check_id", metavar="CHECK")
def explain(check_id: str) -> None:
    """Say what a check does, why it matters, what a failure looks like, and where it comes from."""
    from nodecheck.catalogue import page

    try:
        click.echo(page(check_id))
    except KeyError as error:
        raise click.UsageError(str(error.args[0])) from error
