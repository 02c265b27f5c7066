"""What is published in `reports/`: its size, and that every link of the gallery leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nodecheck.results import load_run

REPORTS = Path(__file__).parents[2] / "reports"
GALLERY = REPORTS / "third-party" / "index.html"
if not GALLERY.is_file():
    pytest.skip("a source distribution has no reports", allow_module_level=True)
# What git ignores is not published: runs of a check, and what `nodecheck check` writes beside a page.
PUBLISHED = ("README.md", "third-party", "published", "application", "spiral", "initial-step")
NOT_PUBLISHED = ("run.json", "junit.xml", "summary.md")
MOST, MOST_FIRST_PAGE = 4_000_000, 1_000_000  # bytes: each new version stays in the history for ever


def published() -> list[Path]:
    found = [path for name in PUBLISHED for path in [REPORTS / name, *(REPORTS / name).rglob("*")]]
    return [path for path in found if path.is_file() and path.name not in NOT_PUBLISHED]


def test_all_that_is_published_is_within_four_megabytes():
    assert sum(path.stat().st_size for path in published()) < MOST


def test_the_first_page_of_the_gallery_is_within_one_megabyte():
    assert GALLERY.stat().st_size < MOST_FIRST_PAGE


def test_every_page_of_the_gallery_is_there_and_no_other():
    linked = set(re.findall(r'href="(layers/[^"#]+)"', GALLERY.read_text(encoding="utf-8")))
    there = {path.relative_to(GALLERY.parent).as_posix() for path in GALLERY.parent.glob("layers/*.html")}
    assert linked == there


def test_the_gallery_holds_its_run():
    assert len(load_run(GALLERY).layers) == len(list(GALLERY.parent.glob("layers/*.html")))
