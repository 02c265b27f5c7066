"""`nodecheck memory`: bytes against steps for every layer, over a ladder that the user chooses."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nodecheck.frontends.cli.arguments import (
    EXIT_CODES,
    TARGETS,
    apply_configuration,
    end_politely,
    make_folder,
    report_load_errors,
    targets_or_configured,
    usage_errors,
)
from nodecheck.options.devices import BOTH, NOT_MEASURED, devices_of, is_missing
from nodecheck.options.option import on_command_line
from nodecheck.runner import forkserver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nodecheck.results import Run
    from nodecheck.runner.memory_ladder import MemoryLadder
    from nodecheck.runner.session import Examined, Session

_INTERRUPTED = "The measurement was interrupted: the results are those that were there until then."
_STATE_UNIT = 128  # numbers: two members of half of it are 512 bytes each, to which CUDA rounds
_LONGEST_LAYER_NAME = 40  # characters, beside the progress bar


@click.command(epilog=TARGETS + "\n" + EXIT_CODES)
@click.argument("targets", metavar="TARGET...", nargs=-1)
@on_command_line("layer", "device")
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
    **options: Any,
) -> None:
    """Measure how the memory of layers grows with the number of steps.

    Each layer runs in a child process; the time limit is that of one pass.  Without TARGET those of the
    configuration are measured.
    """
    from nodecheck.options.layer_names import restricted
    from nodecheck.options.output_folder import default_folder

    configuration = apply_configuration(context, options)
    with usage_errors():
        targets = restricted(targets_or_configured(context, targets, configuration), options["layer"])
        ladder = _ladder(steps, state, process=process, options=options)
    folder = Path(options["output"] or default_folder(targets, "-memory"))  # configured ones are text
    forkserver.start(targets)
    end_politely()
    command = _command(targets, steps, state, process=process, options=options)
    run, interrupted = _run(targets, ladder, options, command, folder)
    _write(run, ladder, folder)
    sys.exit(130 if interrupted else run.exit_code())


def _ladder(steps: str, state: int, *, process: bool, options: Mapping[str, Any]) -> MemoryLadder:
    """Return the ladder that the options ask for; its devices are known when the targets are loaded."""
    from nodecheck.options.profile import FULL
    from nodecheck.options.settings import in_bytes
    from nodecheck.runner.memory_ladder import MemoryLadder, ladder_of

    if process and options["device"] == "cuda":
        message = "--process expects --device cpu, got cuda; resident memory is that of the host, so drop one"
        raise ValueError(message)
    return MemoryLadder(
        ladder_of(steps),
        _widths(state),
        in_bytes(options["memory_limit"]),
        options["time_limit"] or FULL.seconds,
        process=process,
    )


def _run(
    targets: tuple[str, ...], ladder: MemoryLadder, options: Mapping[str, Any], command: str, folder: Path
) -> tuple[Run, bool]:
    """Load the targets and measure them; return the run, and True if Ctrl-C ended it.

    The folder is made before anything is measured, and only if something can be.
    """
    from nodecheck.options.layer_names import chosen_layers
    from nodecheck.runner.children import describe
    from nodecheck.runner.memory_ladder import memory_plan
    from nodecheck.runner.session import Session

    loaded = describe(targets, ladder.memory_limit)
    report_load_errors(loaded, debug=False)
    with usage_errors():
        ladder.devices, ladder.notes = _devices(options["device"] or BOTH, loaded.environment)
        cards = chosen_layers(loaded.layers, targets, options["layer"], complete=loaded.complete)
        session = Session(memory_plan(cards), loaded)
    make_folder(folder)
    examined = _measure(session, ladder)
    warnings = (_INTERRUPTED,) if examined.interrupted else ()
    run = session.record(examined.results, targets=targets, command=command, warnings=warnings)
    return run, examined.interrupted


def _widths(state: int) -> tuple[int, int]:
    """Return the two widths at which is measured: that of the state asked for, and half of it."""
    if state < 2 * _STATE_UNIT or state % _STATE_UNIT:
        message = (
            f"--state must be a multiple of {_STATE_UNIT}, at least {2 * _STATE_UNIT}, got {state}; "
            f"CUDA rounds to 512 bytes, and 4096 numbers are usual"
        )
        raise ValueError(message)
    return state // 4, state // 2


def _devices(device: str, environment: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the devices to measure on, and as a fact those that cannot be measured here."""
    notes = {"CUDA": NOT_MEASURED} if device == BOTH and is_missing(environment) else {}
    return devices_of(device, environment), notes


def _measure(session: Session, ladder: MemoryLadder) -> Examined:
    """Measure; the progress counts levels."""
    from nodecheck.frontends.cli.progress import progress

    total, made = session.plan.size * ladder.size, 0
    with progress("level") as tell:

        def advance(layer: str) -> None:
            nonlocal made
            made += 1
            tell(layer[:_LONGEST_LAYER_NAME], made, total)

        ladder.advance = advance
        return session.examine(ladder.examine(session.plan), unfinished=ladder.unfinished)


def _command(
    targets: tuple[str, ...], steps: str, state: int, *, process: bool, options: Mapping[str, Any]
) -> str:
    """Return the command that repeats this measurement."""
    chosen = {"device": options["device"] or BOTH, "steps": steps, "state": state}
    limits = {name: options[name] for name in ("memory_limit", "time_limit") if options[name] is not None}
    words = [word for k, v in (chosen | limits).items() for word in (f"--{k.replace('_', '-')}", f"{v}")]
    return shlex.join(["nodecheck", "memory", *targets, *words, *["--process"] * process])


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
    page.write_text(html.render(run, str(page.parent)), encoding="utf-8")
    say(console, f"report  {page}")
