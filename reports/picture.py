"""Make the picture of the README: the top of the report of a wrong layer, as a PNG.

    python reports/picture.py [--mutant extra-step] [--output FILE]

The layer is one of `nodecheck.mutants`.  Headless Chromium takes the screenshot; it has to be on PATH.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser")
# No network, no dialogs of a first run, no scroll bar in the picture.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)
WIDTH, HEIGHT = 1200, 900  # pixels
LONGEST_CHECK, LONGEST_SCREENSHOT = 600, 120  # seconds, on a busy machine
TARGET = """\
from nodecheck.mutants import MUTANTS

LAYERS = [mutant.layer for mutant in MUTANTS if mutant.name == {name!r}]
"""


def browser() -> str:
    """Return the path of Chromium."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        message = (
            f"expected {' or '.join(BROWSERS)} on PATH, found neither; "
            "install one, for instance with `apt-get install -y chromium`"
        )
        raise SystemExit(message)
    return found


def make_report(mutant: str, folder: Path) -> Path:
    """Check a mutant in a folder, and return the page of its report."""
    target = f"{mutant.replace('-', '_')}.py"
    (folder / target).write_text(TARGET.format(name=mutant), encoding="utf-8")
    command = [sys.executable, "-m", "nodecheck", "check", f"{target}:LAYERS", "--output", "report"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=LONGEST_CHECK, check=False
    )
    if done.returncode != 1:
        message = (
            f"expected nodecheck to fail the mutant {mutant!r} with exit code 1, got {done.returncode}; "
            f"`nodecheck list mutants` names the mutants\n{done.stdout}{done.stderr}"
        )
        raise SystemExit(message)
    return folder / "report" / "index.html"


def take_screenshot(chromium: str, page: Path, output: Path) -> None:
    """Write the top of a page as a PNG; the user's own browser profile is not touched."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        size = f"--window-size={WIDTH},{HEIGHT}"
        files = (f"--user-data-dir={profile}", f"--screenshot={output}", page.as_uri())
        done = subprocess.run(
            [chromium, *FLAGS, size, *files],
            capture_output=True,
            text=True,
            timeout=LONGEST_SCREENSHOT,
            check=False,
        )
    if done.returncode or not output.is_file():
        message = (
            f"expected Chromium to write {output}, got exit code {done.returncode}; "
            f"its own messages follow\n{done.stderr}"
        )
        raise SystemExit(message)


def main() -> None:
    """Make the report, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutant", default="extra-step", help="name of the mutant; default: %(default)s")
    parser.add_argument("--output", type=Path, default=Path("reports/published/report.png"))
    options = parser.parse_args()
    chromium, output = browser(), options.output.resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nodecheck-picture-") as folder:
        picture = Path(folder) / "report.png"
        take_screenshot(chromium, make_report(options.mutant, Path(folder)), picture)
        shutil.copyfile(picture, output)


if __name__ == "__main__":
    main()
