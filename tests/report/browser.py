"""A page in a real browser: Chromium, headless, where there is one."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

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
LONGEST = 120  # seconds
# The page is put into a frame of the width that is asked for: a window has a least width.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><title>not measured</title><body style="margin:0">
<iframe id="f" style="width:{width}px;height:900px;border:0" srcdoc="{page}"></iframe>
<script>
document.getElementById("f").addEventListener("load", () => {{
  const page = document.getElementById("f").contentDocument, view = page.defaultView;
  const found = (async () => {{ {script} }})();
  found.catch(String).then((value) => {{ document.title = JSON.stringify(value); }});
}});
</script>"""
SIZE = """
  const beyond = [...page.querySelectorAll("body *")].filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width > 0 && box.right > view.innerWidth + 1 && !e.closest("svg, nav, .hide")
      && ![...scrolling].some((s) => s.contains(e) && s !== e);
  });
  return { height: page.documentElement.scrollHeight, width: page.documentElement.scrollWidth,
           beyond: beyond.slice(0, 5).map((e) => `${e.localName}.${e.className}`) };
"""
SCROLLING = """
  const scrolls = (e) => view.getComputedStyle(e).overflowX === "auto";
  const scrolling = [...page.querySelectorAll("*")].filter(scrolls);
"""


@dataclass(frozen=True)
class Size:
    """The size of a page in CSS pixels, and elements that reach beyond its right edge."""

    height: int
    width: int
    beyond: tuple[str, ...]


@cache
def chromium() -> str:
    """Return the path of the browser; the test is skipped where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("needs Chromium: none of chromium, chromium-browser and google-chrome is on PATH")
    return found


def size_of(page: str, width: int) -> Size:
    """Return the size of a page that is shown at this width."""
    found = evaluated(page, width, SCROLLING + SIZE)
    return Size(found["height"], found["width"], tuple(found["beyond"]))


def evaluated(page: str, width: int, script: str, *, scripted: bool = False) -> Any:
    """Return what a script returns that sees the page as `page` and its window as `view`.

    What it waits for must be done at once: the browser does not wait for timers, files and streams.
    The page's policy forbids scripts of others and is left out; so is its own script unless `scripted`.
    """
    plain = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    if not scripted:
        plain = re.sub(r"(?s)<script.*?</script>", "", plain)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        frame = Path(folder, "frame.html")
        frame.write_text(FRAME.format(width=width, page=html.escape(plain), script=script), encoding="utf-8")
        profile = f"--user-data-dir={folder}/profile"
        command = [
            chromium(),
            *FLAGS,
            profile,
            f"--window-size={width},900",
            "--dump-dom",
            frame.as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    (title,) = re.findall(r"<title>(.*?)</title>", done.stdout)[:1] or [""]
    assert title.startswith(("{", "[")), f"the page was not measured: {title!r} {done.stderr[-500:]}"
    return json.loads(html.unescape(title))
