"""`nodecheck reproduce`: a failure of a stored run as a short script that does without nodecheck."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from nodecheck.frontends.cli.arguments import interruptible
from nodecheck.frontends.cli.stored_result import find_result, target_of
from nodecheck.frontends.cli.stored_run import read_run, run_file

if TYPE_CHECKING:
    from nodecheck.results import Result, Run

_EXIT_CODES = """\b
Exit codes:
  0  a script was written, and it fails as it should
  1  no script shows the failure     3    the layer cannot be loaded
  2  no such result, or no failure   130  interrupted
"""
SECONDS = 60.0  # of the search: some thirty trials


@click.command(epilog=_EXIT_CODES)
@click.argument("path", metavar="RUN")
@click.argument("result_id", metavar="RESULT-ID")
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path), help="Default: standard output.")
@click.option("--store", is_flag=True, help="Keep it in RUN, too, for `nodecheck report RUN`.")
@click.option(
    "--time-limit",
    metavar="SECONDS",
    type=click.FloatRange(min=1),
    default=SECONDS,
    show_default=True,
    help="Time of the search.",
)
def reproduce(path: str, result_id: str, output: Path | None, store: bool, time_limit: float) -> None:
    """Write a failure as a script of at most 25 lines that needs only torch and the layer.

    RUN is a run.json, or the folder that holds it.  RESULT-ID is layer:check:problem, as the report shows it.
    The problem is reduced as far as the failure stays: batch, state, steps, time, nonlinearity.  The script
    prints what is expected and what is received, and ends with an assertion that fails.  It is run before it
    is handed out; a right layer in place of this one passes it.
    """
    from nodecheck.reproduce.command import NoScript, NotLoaded, reproduced

    run = read_run(path)
    if store and run_file(path).suffix != ".json":
        message = f"--store keeps the script in a run.json, got {path}; name that, or use --output"
        raise click.UsageError(message)
    result = find_result(run, result_id)
    target_of(run, result)
    if result.outcome != "error" and not result.violated:
        message = f"expected a result that failed, got {result.id}, which is {result.status}; name another"
        raise click.UsageError(message)
    card = next(card for card in run.layers if card.name == result.layer)
    with interruptible():
        try:
            text = reproduced(result, card, time_limit)
        except NoScript as error:
            _end(str(error), 1)
        except NotLoaded as error:
            _end(str(error), 3)
    _write(text, output)
    if store:
        _store(run, result, text, run_file(path))


def _store(run: Run, result: Result, text: str, file: Path) -> None:
    """Write the run again, with the script as the lines that show the failure."""
    from nodecheck.results import to_json

    results = (replace(r, reproducer=text) if r.id == result.id else r for r in run.results)
    try:
        file.write_bytes(to_json(replace(run, results=tuple(results))))
    except OSError as error:
        message = f"--store must be able to write RUN, got {file} ({error.strerror}); use --output"
        raise click.UsageError(message) from error


def _end(message: str, code: int) -> NoReturn:
    from nodecheck.report.numbers import clean

    click.echo(clean(message), err=True)
    sys.exit(code)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"--output must be a writable file, got {output} ({error.strerror}); name another"
        raise click.UsageError(message) from error
    click.echo(str(output))
