"""`nodecheck memory`: bytes against steps for every layer, over a ladder that the user chooses."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nodecheck.frontends.cli.arguments import (
    EXIT_CODES,
    TARGETS,
    complain,
    folder_name,
    make_folder,
    use_one_thread,
)
from nodecheck.options.option import on_command_line
from nodecheck.options.settings import fill_in, in_bytes
from nodecheck.runner import forkserver

if TYPE_CHECKING:
    from nodecheck.results import Result, Run
    from nodecheck.runner.memory_ladder import MemoryLadder
    from nodecheck.runner.plan import Plan

_INTERRUPTED = "The measurement was interrupted: the results are those that were there until then."
_STATE_UNIT = 128


@click.command(epilog=TARGETS + "\n" + EXIT_CODES)
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@on_command_line("device")
@click.option(
    "--steps", metavar="A:B", default="10:1000", show_default=True, help="From A steps to B, geometrically."
)
@click.option(
    "--state", metavar="N", type=int, default=4096, show_default=True, help="Numbers in the state (float64)."
)
@click.option("--process", is_flag=True, help="Also the peak of fresh processes: half a minute a layer.")
@on_command_line("output", "memory-limit", "time-limit")
@click.pass_context
def memory(
    context: click.Context,
    /,
    targets: tuple[str, ...],
    steps: str,
    state: int,
    process: bool,
    **given: Any,
) -> None:
    """Measure how the memory of layers grows with the number of steps.

    Each layer runs in a child process; the time limit is that of one level of the ladder.
    """
    fill_in(context, given)
    forkserver.start(targets)  # its imports run beside ours
    # Killed politely, what was measured is kept as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = given["output"] or Path("reports") / f"{folder_name(targets)}-memory"
    try:
        ladder = _ladder(steps, state, process=process, **given)
        make_folder(folder)
        run, interrupted = _run(targets, ladder, _command(targets, steps, state, process=process, **given))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    _write(run, ladder, folder)
    sys.exit(130 if interrupted else run.exit_code())


def _ladder(
    steps: str,
    state: int,
    *,
    process: bool,
    device: str,
    memory_limit: float | None,
    time_limit: float | None,
    output: Path | None,  # noqa: ARG001
) -> MemoryLadder:
    """Return the ladder that the options ask for."""
    from nodecheck.options.profile import FULL
    from nodecheck.runner.memory_ladder import MemoryLadder, ladder_of

    devices, notes = _devices(device, process=process)
    return MemoryLadder(
        ladder_of(steps),
        _widths(state),
        in_bytes(memory_limit),
        time_limit or FULL.seconds,
        devices,
        process,
        notes,
    )


def _run(targets: tuple[str, ...], ladder: MemoryLadder, command: str) -> tuple[Run, bool]:
    """Load the targets and measure them; return the run and whether Ctrl-C ended it."""
    from nodecheck.runner.isolation import describe
    from nodecheck.runner.memory_ladder import memory_plan
    from nodecheck.runner.session import assemble, skipped_target

    loaded = describe(targets, ladder.memory_limit)
    complain(loaded, debug=False)
    plan = memory_plan(loaded.everyone)
    use_one_thread()
    found, interrupted = _measure(plan, ladder)
    run = assemble(
        plan,
        [*(skipped_target(name, reason) for name, reason in loaded.missing.items()), *found],
        targets=targets,
        command=command,
        load_errors=loaded.load_errors,
        warnings=(_INTERRUPTED,) if interrupted else (),
    )
    return run, interrupted


def _widths(state: int) -> tuple[int, int]:
    """Return the two widths at which is measured: that of the state asked for, and half of it."""
    if state < 2 * _STATE_UNIT or state % _STATE_UNIT:
        message = (
            f"--state must be a multiple of {_STATE_UNIT}, at least {2 * _STATE_UNIT}, got {state}; "
            f"CUDA rounds to 512 bytes, and 4096 numbers are usual"
        )
        raise ValueError(message)
    return state // 4, state // 2


def _devices(device: str, *, process: bool) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the devices to measure on, and as a fact what cannot be measured here."""
    import torch

    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        message = (
            "--device cuda expects a CUDA device, got none that torch can use; measure with --device cpu"
        )
        raise ValueError(message)
    if device == "cuda" and process:
        message = "--process expects --device cpu, got cuda; resident memory is that of the host, so drop one"
        raise ValueError(message)
    if device == "both":
        missing = {} if there else {"CUDA": "not measured on this machine: torch finds no CUDA device"}
        return ("cpu", *["cuda"] * there), missing
    return (device,), {}


def _measure(plan: Plan, ladder: MemoryLadder) -> tuple[list[Result], bool]:
    """Measure with a progress bar; return the results and whether Ctrl-C ended it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    results: list[Result] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("", total=plan.size * ladder.size)
        ladder.advance = lambda name: progress.update(task, advance=1, description=name[:40])
        try:
            for result in ladder.examine(plan):
                results.append(result)
        except KeyboardInterrupt:
            return [*results, *ladder.unfinished(plan, results)], True
    return results, False


def _command(targets: tuple[str, ...], steps: str, state: int, *, process: bool, **given: Any) -> str:
    """Return the command that repeats this measurement."""
    import shlex

    chosen = {"device": given["device"], "steps": steps, "state": state}
    limits = {name: given[name] for name in ("memory_limit", "time_limit") if given[name] is not None}
    options = [word for k, v in (chosen | limits).items() for word in (f"--{k.replace('_', '-')}", f"{v}")]
    return shlex.join(["nodecheck", "memory", *targets, *options, *["--process"] * process])


def _write(run: Run, ladder: MemoryLadder, folder: Path) -> None:
    """Write the record first, the page last, and print the table in between."""
    from rich.console import Console

    from nodecheck.frontends.cli.memory_table import table
    from nodecheck.report import html
    from nodecheck.report.console import say
    from nodecheck.results import to_json

    (folder / "run.json").write_bytes(to_json(run))
    console, page = Console(), folder / "index.html"
    if ladder.footprints:
        console.print(table(ladder))
    for result in run.results:
        process = result.facts.get("process memory", "")
        for text in filter(None, (process, result.reason, result.diagnosis)):
            say(console, f"{result.layer}: {text}", hang=2)
    for warning in run.warnings:
        say(console, f"warning: {warning}")
    page.write_text(html.render(run), encoding="utf-8")
    say(console, f"report  {page}")
