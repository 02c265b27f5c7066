"""`nodecheck compare`: the differences between two runs or two audits, and the regressions among them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from nodecheck.frontends.cli.arguments import make_folder
from nodecheck.frontends.cli.stored_pages import stored_audit
from nodecheck.frontends.cli.stored_run import read_run

if TYPE_CHECKING:
    from nodecheck.results import Run
    from nodecheck.results.audit import AuditRecord

_RULES = """\b
Worse is
  a check that newly fails, raises, or cannot be loaded; one that was not run before too
  an observed order that fell by more than 0.3
  an error on the same grid, or at the same tolerance, that more than doubled
  states held for backward that grew by more than 1 %
  any more evaluations of the field
  a verdict that is missing, if profile and version are the same and its check was not left out
Time is not compared: it is noisy.
\b
Exit codes:  0  no regression    1  regression    2  a file cannot be read
"""


@click.command(epilog=_RULES)
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option("--markdown", metavar="FILE", type=click.Path(path_type=Path), help="Write it as Markdown too.")
@click.option(
    "--output", metavar="DIR", type=click.Path(path_type=Path), help="Write a page into DIR: index.html."
)
def compare(before: str, after: str, markdown: Path | None, output: Path | None) -> None:
    """Compare two runs by verdicts and by numbers that do not depend on time, or two audits.

    BEFORE and AFTER are files run.json or audit.json, or the folders that hold them.  New failures and fixed
    ones come first; what still fails has a line each.
    """
    old, new = stored_audit(before), stored_audit(after)
    if old is not None and new is not None:
        _compare_audits(old, new, output)
    _compare_runs(read_run(before), read_run(after), markdown, output)


def _compare_audits(before: AuditRecord, after: AuditRecord, output: Path | None) -> NoReturn:
    from rich.console import Console

    from nodecheck.report.audit_changes import audit_is_worse, print_audit_changes
    from nodecheck.report.changes_page import render_audit_changes

    print_audit_changes(before, after, Console())
    if output is not None:
        _write_page(render_audit_changes(before, after), output)
    sys.exit(int(audit_is_worse(before, after)))


def _compare_runs(before: Run, after: Run, markdown: Path | None, output: Path | None) -> NoReturn:
    from rich.console import Console

    from nodecheck.checks import ALIASES
    from nodecheck.report import changes_text
    from nodecheck.report.changes import compare as compare_runs
    from nodecheck.report.former_ids import with_current_ids

    before = with_current_ids(before, after, ALIASES)
    changes = compare_runs(before, after)
    if markdown is not None:
        try:
            markdown.write_text(changes_text.markdown(changes), encoding="utf-8")
        except OSError as error:
            message = f"--markdown must be a writable file, got {markdown} ({error.strerror}); name another"
            raise click.UsageError(message) from error
    changes_text.print_changes(changes, Console())
    if output is not None:
        from nodecheck.report.changes_page import render_changes

        _write_page(render_changes(changes, before, after), output)
    sys.exit(1 if changes.regressed else 0)


def _write_page(page: str, folder: Path) -> None:
    """Write the page into a folder, which is made; a place that cannot be written is a usage error."""
    from nodecheck.report.files import PAGE, replace_file

    make_folder(folder)
    place = folder / PAGE
    try:
        replace_file(place, page.encode("utf-8"))
    except OSError as error:
        message = (
            f"--output must be a folder that can be written, got {folder} ({error.strerror}); name another"
        )
        raise click.UsageError(message) from error
    click.echo(f"report  {place}")
