"""The command line: check, list, explain, report."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nodecheck import __version__

if TYPE_CHECKING:
    from nodecheck.layers.loading import Loaded
    from nodecheck.results import Result, Run
    from nodecheck.runner import Plan

# Everything heavy is imported inside the commands: the help text has to come at once.

_PROFILES = ("smoke", "ci", "full")
_TARGETS = """\b
TARGET is
  a registered name          odelayer, torchdiffeq, ... (see `nodecheck list layers`)
  package.module:object      a TorchLayer, or a sequence of them
  path/file.py:object        the same, in a file
"""
_EXIT_CODES = """\b
Exit codes:
  0  nothing failed              3    a target could not be loaded
  1  failed, error or xpassed    5    nothing was run
  2  usage or configuration      130  interrupted
"""
_INTERRUPTED = "The run was interrupted: the results are those that were there until then."
_LONGEST_FOLDER_NAME = 80


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXIT_CODES)
@click.version_option(__version__, prog_name="nodecheck")
def main() -> None:
    """Tell whether a Neural ODE layer is right: its forward pass, its gradient, and why not."""


@main.command(epilog=_TARGETS + "\n" + _EXIT_CODES)
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

    folder = output or Path("reports") / _folder_name(targets)
    _make(folder)
    loaded = load_targets(targets)
    _complain(loaded, debug=debug)
    try:
        plan = make_plan(loaded.layers, profile=profile, select=select, seed=seed)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    _use_one_thread()
    run, interrupted = _examine(plan, loaded, targets)
    _write(run, folder)
    sys.exit(130 if interrupted else run.exit_code(strict=strict))


def _folder_name(targets: tuple[str, ...]) -> str:
    """Return a folder name for the targets: their letters and digits."""
    words = ["-".join(re.findall(r"\w+", Path(target).name)) for target in targets]
    return ("+".join(words) or "run")[:_LONGEST_FOLDER_NAME]


def _make(folder: Path) -> None:
    """Create the output folder before anything is measured that could be lost."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").touch()
    except OSError as error:
        message = (
            f"--output must be a folder that can be written, got {folder} ({error.strerror}); name another"
        )
        raise click.UsageError(message) from error


def _complain(loaded: Loaded, *, debug: bool) -> None:
    """Say what could not be loaded; a target that is not written correctly ends the command."""
    for error in [*loaded.usage_errors.values(), *loaded.load_errors.values()]:
        click.echo(f"Error: {error}", err=True)
    if debug:
        click.echo(loaded.tracebacks(), err=True)
    if loaded.usage_errors:
        sys.exit(2)


def _use_one_thread() -> None:
    """Keep torch to one thread: on problems this small, threads only wait for each other."""
    import torch

    torch.set_num_threads(1)


def _examine(plan: Plan, loaded: Loaded, targets: tuple[str, ...]) -> tuple[Run, bool]:
    """Run the plan with a progress bar; return the run and whether it was interrupted."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from nodecheck.runner import assemble, examine, skipped_target

    results: list[Result] = [skipped_target(name, reason) for name, reason in loaded.missing.items()]
    interrupted = False
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
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
