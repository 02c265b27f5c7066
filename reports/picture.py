"""Make the pictures of the README, as PNG: the report of a wrong layer, and the application.

    python reports/picture.py [--mutant first-backward-step-missing] [--height 1150] [--output FILE]

The layer is one of `nodecheck.mutants`; the page of the application is the published one.  Headless Chromium
takes the screenshots; it has to be on PATH.  A picture carries the words that it shows, as text of the PNG: a
test compares them with the page.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

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
WIDTH, HEIGHT = 1200, 1150  # pixels; so much shows the card of a fault
PUBLISHED = Path("reports/published/report.png")
MUTANT = "first-backward-step-missing"
APPLICATION = Path("reports/application/index.html"), Path("reports/published/application.png")
APPLICATION_HEIGHT = 1000  # pixels
# A check may be undecided on a busy machine; that does not make the picture another one.
UNDECIDED = {"?", "inconclusive"}
LAST_WORD = "Evidence"  # where the picture ends
KEYWORD = b"nodecheck words"  # of the text in the picture
HEADER = 33  # bytes of a PNG before its other chunks: the signature, and the chunk IHDR
LONGEST = 600  # seconds: ten times what the check takes on two busy cores
TARGET = """\
from nodecheck.mutants import MUTANTS

LAYERS = [mutant.layer for mutant in MUTANTS if mutant.name == {name!r}]
"""


def make(made: Path, command: list[str], expected: int, advice: str) -> Path:
    """Return the file that a command has made; without it, or with another exit code, the script ends."""
    done = subprocess.run(
        command, cwd=made.parents[1], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if done.returncode != expected or not made.is_file():
        what = f"exit code {expected} from {Path(command[0]).name} and a file {made.name}"
        message = f"expected {what}, got {done.returncode} and what follows; {advice}"
        raise SystemExit(f"{message}\n{done.stdout}{done.stderr}")
    return made


def browser() -> str:
    """Return the path of Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        message = (
            "expected chromium or chromium-browser on PATH, found neither; "
            "install one, for instance with `apt-get install -y chromium`"
        )
        raise SystemExit(message)
    return found


def make_report(mutant: str, folder: Path) -> Path:
    """Check a mutant, and return the page of its report."""
    target = f"{mutant.replace('-', '_')}.py"
    (folder / target).write_text(TARGET.format(name=mutant), encoding="utf-8")
    command = [sys.executable, "-m", "nodecheck", "check", f"{target}:LAYERS", "--output", "report"]
    advice = "name a mutant of `nodecheck list mutants`"
    return make(folder / "report" / "index.html", command, expected=1, advice=advice)


def take_screenshot(chromium: str, page: Path, folder: Path, height: int) -> Path:
    """Return a PNG of the top of a page; the user's own browser profile is not touched."""
    picture = folder / "report" / "picture.png"
    picture.parent.mkdir(exist_ok=True)
    size, profile = f"--window-size={WIDTH},{height}", f"--user-data-dir={folder / 'profile'}"
    command = [chromium, *FLAGS, size, profile, f"--screenshot={picture}", page.as_uri()]
    return make(picture, command, expected=0, advice="try the same page in Chromium by hand")


def words_of(page: str) -> list[str]:
    """Return the words at the top of a page; those with digits (dates, counts) are left out."""
    body = re.sub(r"(?s)^.*?<body.*?>|<(script|style|svg|title)\b.*?</\1>", " ", page)
    text = html.unescape(re.sub(r"(?s)<[^>]*>", " ", body))
    shown = text.split(LAST_WORD)[0].split()
    return [word for word in shown if word not in UNDECIDED and not re.search(r"\d", word)]


def with_words(picture: bytes, words: list[str]) -> bytes:
    """Return a PNG with words as its text."""
    chunk = b"tEXt" + KEYWORD + b"\0" + json.dumps(words).encode("ascii")
    text = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return picture[:HEADER] + text + picture[HEADER:]


def words_in(picture: bytes) -> list[str]:
    """Return the words that a PNG carries as its text."""
    start = picture.index(KEYWORD)
    (length,) = struct.unpack(">I", picture[start - 8 : start - 4])
    words: list[str] = json.loads(picture[start : start + length].partition(b"\0")[2])
    return words


def main() -> None:
    """Make the report, and write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutant", default=MUTANT, help="name of the mutant; default: %(default)s")
    parser.add_argument("--height", type=int, default=HEIGHT, help="in pixels; default: %(default)s")
    parser.add_argument("--output", type=Path, default=PUBLISHED)
    options = parser.parse_args()
    chromium = browser()
    with tempfile.TemporaryDirectory(prefix="nodecheck-picture-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        page = make_report(options.mutant, folder)
        for source, output, height in (
            (page, options.output, options.height),
            (*APPLICATION, APPLICATION_HEIGHT),
        ):
            picture = take_screenshot(chromium, source.resolve(), folder, height)
            words = words_of(source.read_text(encoding="utf-8"))
            output.write_bytes(with_words(picture.read_bytes(), words))


if __name__ == "__main__":
    main()
