"""`nodecheck audit`: how exact the gradient of a user's own training step is, and why."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nodecheck.frontends.cli.arguments import end_politely, interruptible, make_folder, usage_errors
from nodecheck.results.percentages import fraction

if TYPE_CHECKING:
    from nodecheck.own_model.audit import Audit
    from nodecheck.results.audit import AuditRecord

_CODES = """\b
FILE:AUDIT is path/file.py:object or package.module:object; the object is a nodecheck.Audit, or a list of
them.
\b
Exit codes:
  0  no gradient is wrong or beyond the target    2  usage
  1  one is                                       3  the object could not be loaded, or its code raises
  130  interrupted: what was known until then is reported
"""


@click.command(epilog=_CODES)
@click.argument("target", metavar="FILE:AUDIT")
@click.option("--target", "goal", metavar="ERROR", help="The relative error that is acceptable: 0.01 or 1%.")
@click.option(
    "--output", metavar="DIR", help="Where audit.json and index.html go; default reports/NAME-audit."
)
@click.option("--strict", is_flag=True, help="Exit with 1 also where there is no verdict.")
def audit(target: str, goal: str | None, output: str | None, strict: bool) -> None:
    """Audit the gradient of your own model: its error, the causes, and the cheapest setting that will do.

    The model runs in this process.
    """
    with usage_errors():
        wanted = None if goal is None else fraction(goal, "--target")
    audits = _loaded(target)
    if wanted is not None:
        audits = [replace(a, target=wanted) for a in audits]
    code = 0
    end_politely()
    with interruptible():
        for one in audits:
            record, interrupted = _audited(one)
            _written(
                record,
                Path(output or f"reports/{one.name}-audit")
                / (one.name if len(audits) > 1 and output else ""),
            )
            if interrupted:
                sys.exit(130)
            code = max(code, record.exit_code, int(strict and record.undecided))
    sys.exit(code)


def _loaded(target: str) -> list[Audit]:
    """Return the audits that a target names; exit with 3 if it cannot be loaded."""
    from nodecheck.targets.imports import TargetError, UsageError, import_file, import_module
    from nodecheck.targets.objects import find_object

    source, colon, name = target.rpartition(":")
    if not colon:
        message = f"expected path/file.py:object, got {target!r}; add the object, for instance {target}:AUDIT"
        raise click.UsageError(message)
    try:
        module = (import_file if source.endswith(".py") else import_module)(source, target)
        found = find_object(module, name, target)
    except UsageError as error:
        raise click.UsageError(str(error)) from error
    except TargetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(3)
    return _audits(found, target)


def _audits(found: Any, target: str) -> list[Audit]:
    from nodecheck.own_model.audit import Audit

    audits = list(found) if isinstance(found, list | tuple) else [found]
    if not audits or not all(isinstance(one, Audit) for one in audits):
        kind = type(found).__name__
        message = (
            f"expected a nodecheck.Audit or a list of them at {target!r}, got {kind}; write for instance\n\n"
            "    AUDIT = nodecheck.Audit('mine', solve, dynamics, y0, t, loss=loss)"
        )
        raise click.UsageError(message)
    return audits


def _audited(one: Audit) -> tuple[AuditRecord, bool]:
    """Return the record, and True if Ctrl-C ended the audit."""
    from nodecheck.own_model.conduct import INTERRUPTED, conduct

    told: list[str] = []
    with _progress(one.name) as show, usage_errors():

        def progress(what: str) -> None:
            told.append(what)
            show(what)

        try:
            record = conduct(one, progress)
        except ValueError:
            raise
        except Exception:  # of the user's code: 1 would say that the gradient is wrong
            click.echo(traceback.format_exc(), err=True)
            click.echo(f"Error: the code of {one.name} raises the error above; no audit is made", err=True)
            sys.exit(3)
    return record, INTERRUPTED in told


@contextmanager
def _progress(name: str) -> Iterator[Callable[[str], None]]:
    """Show what is done: in a terminal in one line that changes, elsewhere in a line for each step."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda what: click.echo(f"{name}: {what}", err=True)
        return
    with console.status(f"{name}: begins") as status:
        yield lambda what: status.update(f"{name}: {what}")


def _written(record: AuditRecord, folder: Path) -> None:
    """Print the report, and write the record and the page."""
    from rich.console import Console

    from nodecheck.report.audit_page import render_audit
    from nodecheck.report.audit_text import print_audit

    make_folder(folder)
    page = record.save(folder).with_name("index.html")
    page.write_text(render_audit(record), encoding="utf-8")
    console = Console()
    print_audit(record, console)
    console.print(f"report  {page}", highlight=False, soft_wrap=True)
