"""The page of a stored run, audit or log of a monitor, whichever a file holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nodecheck.frontends.cli.stored_run import read_run, run_file

if TYPE_CHECKING:
    from nodecheck.results import Run
    from nodecheck.results.audit import AuditRecord

_PAGE, _AUDIT = "index.html", "audit.json"


@dataclass(frozen=True)
class StoredPage:
    """The page of a stored file, the place where it belongs, and the run if the file holds one."""

    place: Path
    text: str
    run: Run | None = None


def stored_page(path: Path) -> StoredPage:
    """Return the page of a stored file.

    Raises
    ------
    click.BadParameter
        If the file holds none of the three.
    """
    from nodecheck.report import html

    file = _file(path)
    for page_of, place in ((_audit_page, file.with_name(_PAGE)), (_log_page, file.with_suffix(".html"))):
        if file.is_file() and (page := page_of(file)):
            return StoredPage(place, page)
    run = read_run(file)
    return StoredPage(file.with_name(_PAGE), html.render(run, str(file.parent)), run)


def stored_audit(path: Path | str) -> AuditRecord | None:
    """Return the audit in a file, or in the folder of `audit.json`; None if it holds something else."""
    from nodecheck.results.audit import load_audit

    try:
        return load_audit(_file(Path(path)))
    except (ValueError, OSError):
        return None


def _file(path: Path) -> Path:
    """Return the file of a run, or that of an audit in a folder without a run."""
    file = run_file(path)
    return path / _AUDIT if path.is_dir() and not file.is_file() and (path / _AUDIT).is_file() else file


def _audit_page(path: Path) -> str:
    """Return the page of an audit; "" if the file holds something else."""
    from nodecheck.report.audit_page import render_audit

    audit = stored_audit(path)
    return "" if audit is None else render_audit(audit)


def _log_page(path: Path) -> str:
    """Return the page of the log of a monitor; "" if the file holds something else."""
    from nodecheck.report.monitor_page import render_monitor
    from nodecheck.results.monitor import load_log

    try:
        return render_monitor(load_log(path))
    except (ValueError, OSError):
        return ""
