"""The page of a stored run, audit or log of a monitor, whichever a file holds."""

from __future__ import annotations

from pathlib import Path

from nodecheck.frontends.cli.stored_run import read_run, run_file

_PAGE, _AUDIT = "index.html", "audit.json"


def stored_page(path: Path) -> tuple[Path, str]:
    """Return where the page of a stored file belongs, and the page.

    Raises
    ------
    click.BadParameter
        If the file holds none of the three.
    """
    from nodecheck.report import html

    file = run_file(path)
    if path.is_dir() and not file.is_file() and (path / _AUDIT).is_file():
        file = path / _AUDIT
    for page_of, place in ((_audit_page, file.with_name(_PAGE)), (_log_page, file.with_suffix(".html"))):
        if file.is_file() and (page := page_of(file)):
            return place, page
    return file.with_name(_PAGE), html.render(read_run(file))


def _audit_page(path: Path) -> str:
    """Return the page of an audit; "" if the file holds something else."""
    from nodecheck.report.audit_page import render_audit
    from nodecheck.results.audit import load_audit

    try:
        return render_audit(load_audit(path))
    except (ValueError, OSError):
        return ""


def _log_page(path: Path) -> str:
    """Return the page of the log of a monitor; "" if the file holds something else."""
    from nodecheck.report.monitor_page import render_monitor
    from nodecheck.results.monitor import load_log

    try:
        return render_monitor(load_log(path))
    except (ValueError, OSError):
        return ""
