"""The picture of the README is what `python reports/picture.py` makes, and shows what the page says today."""

from __future__ import annotations

import importlib.util
import re
import struct
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "reports" / "picture.py"
if not SCRIPT.is_file():
    pytest.skip("a source distribution has no reports", allow_module_level=True)
SPEC = importlib.util.spec_from_file_location("picture", SCRIPT)
picture = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(picture)
PUBLISHED = (ROOT / picture.PUBLISHED).read_bytes()


def test_the_readme_shows_the_pictures_that_the_command_writes():
    shown = re.findall(r"!\[.*?\]\((.*?\.png)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert [Path(name) for name in shown] == [picture.PUBLISHED, picture.APPLICATION[1]]


def test_the_picture_of_the_application_shows_the_published_page():
    page, made = picture.APPLICATION
    now = picture.words_of((ROOT / page).read_text(encoding="utf-8"))
    assert picture.words_in((ROOT / made).read_bytes()) == now, "run `python reports/picture.py`"


def test_the_picture_has_the_size_that_the_command_asks_for():
    assert struct.unpack(">II", PUBLISHED[16:24]) == (picture.WIDTH, picture.HEIGHT)


def test_a_picture_keeps_the_words_that_it_was_given():
    words = picture.words_of("<head>a</head><body><style>b</style><h1>✗ c 1.5</h1> d &lt; Evidence e</body>")
    assert words == ["✗", "c", "d", "<"]
    assert picture.words_in(picture.with_words(PUBLISHED, words)) == words


@pytest.mark.slow
def test_the_picture_shows_what_the_page_says_today(tmp_path):
    page = picture.make_report(picture.MUTANT, tmp_path).read_text(encoding="utf-8")
    now = picture.words_of(page)
    assert {"gradients", "What"} <= set(now)
    assert picture.words_in(PUBLISHED) == now, "run `python reports/picture.py`"
