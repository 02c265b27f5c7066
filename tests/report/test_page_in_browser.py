"""The page in Chromium: its height, nothing that reaches beyond its edge, and what print shows."""

from __future__ import annotations

import base64
import gzip
import json
import re

import pytest
from browser import evaluated, size_of
from sample_runs import card, realistic_run, result, right_results, run_of, wrong_results

from nodecheck.report.anchors import anchor
from nodecheck.report.html import render
from nodecheck.results import at_most, to_json

WIDE, PHONE = 1200, 390  # CSS pixels
PAPER = 718  # A4 at 96 pixels an inch, within margins of one centimetre
TALLEST = 5000  # of a page of one wrong layer: what can be looked through in a minute

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wrong() -> str:
    return render(run_of(wrong_results("blog layer"), [card("blog layer", order=1)]))


@pytest.fixture(scope="module")
def several() -> str:
    return render(realistic_run())


def test_the_page_of_one_wrong_layer_is_not_long(wrong):
    assert size_of(wrong, WIDE).height < TALLEST


@pytest.mark.parametrize("width", [WIDE, 800, PHONE])
@pytest.mark.parametrize("which", ["wrong", "several"])
def test_nothing_reaches_beyond_the_edge_of_the_page(which, width, request):
    size = size_of(request.getfixturevalue(which), width)
    assert (size.width, size.beyond) == (width, ())


def test_an_overflow_would_be_seen(wrong):
    wide = wrong.replace("<main>", '<main><div class="wide-one" style="width:2000px">x</div>')
    assert size_of(wide, WIDE).beyond == ("div.wide-one",)


def test_a_row_opens_to_its_card_without_a_script(several):
    shown = """
      const more = () => [...page.querySelectorAll(".layers .more")].filter((e) => e.offsetHeight > 0).length;
      const before = more();
      page.querySelector(".layers th details").open = true;
      return { before, after: more() };
    """
    assert evaluated(several, WIDE, shown) == {"before": 0, "after": 1}


def test_on_a_phone_every_bound_of_a_check_is_within_the_page(wrong):
    script = """
      for (const d of page.querySelectorAll("#checks details")) d.open = true;
      const cells = [...page.querySelectorAll("#checks tbody td")];
      const beyond = cells.filter((e) => e.getBoundingClientRect().right > view.innerWidth);
      return { count: cells.length, beyond: beyond.length };
    """
    found = evaluated(wrong, PHONE, script)
    assert found["count"] > 100
    assert found["beyond"] == 0


def on_paper(page: str) -> str:
    """Return a page that a screen shows as a printer does."""
    return page.replace("@media screen", "@media speech").replace("@media print", "@media all")


@pytest.mark.parametrize("which", ["wrong", "several"])
def test_print_cuts_nothing_off(which, request):
    size = size_of(on_paper(request.getfixturevalue(which)), PAPER)
    assert (size.width, size.beyond) == (PAPER, ())


def test_print_shows_every_check_with_its_bound(several):
    script = """
      const cells = [...page.querySelectorAll("#checks tbody td")];
      const hidden = cells.filter((e) => !e.offsetHeight || !e.checkVisibility());
      return { count: cells.length, hidden: hidden.length };
    """
    found = evaluated(on_paper(several), PAPER, script)
    assert found["count"] > 500
    assert found["hidden"] == 0


def test_print_shows_the_card_of_every_layer(several):
    script = "return [...page.querySelectorAll('.layers .card')].map((e) => e.offsetHeight)"
    heights = evaluated(on_paper(several), PAPER, script)
    assert len(heights) == 5
    assert all(heights)


def test_a_click_sorts_the_layers_and_shows_those_that_are_folded():
    right = [r for k in range(5) for r in right_results(f"right {k}", order=5.0 - k)]
    wrong = result("wrong", "constant-field", measurements=(at_most("error", 1.0, 0.5),))
    page = render(run_of([wrong, *right]))
    script = """
      const rows = () => [...page.querySelectorAll(".layers .row")].filter((e) => e.offsetHeight > 0)
        .map((e) => e.querySelector("th").textContent.trim());
      const before = rows();
      page.querySelectorAll(".layers thead button")[2].click();
      return { before, after: rows() };
    """
    found = evaluated(page, WIDE, script, scripted=True)
    assert found["before"] == ["wrong"]
    assert found["after"] == [*(f"right {k}" for k in (4, 3, 2, 1, 0)), "wrong"]


def test_what_the_page_saves_is_the_run():
    page = render(realistic_run())
    (packed,) = re.findall('id="nodecheck-data">(.*?)<', page)
    unpacked = gzip.decompress(base64.b64decode(packed)).decode()
    script = f"""
      const saved = [];
      view.Blob = class {{
        constructor(parts) {{ saved.push(parts[0]); }}
        stream() {{ return {{ pipeThrough() {{}} }}; }}
      }};
      view.Response = class {{ async text() {{ return {json.dumps(unpacked)}; }} }};
      view.URL.createObjectURL = () => "#";
      page.getElementById("save").click();
      for (let k = 0; k < 20; k++) await null;
      return [saved[1]];
    """
    (text,) = evaluated(page, WIDE, script, scripted=True)
    assert json.loads(text) == json.loads(to_json(realistic_run()))


def test_a_search_shows_the_checks_that_match(several):
    script = """
      const find = page.getElementById("find");
      find.value = "constant-field odelayer";
      find.dispatchEvent(new Event("input"));
      return [...page.querySelectorAll("#checks tbody")].filter((e) => e.checkVisibility() && e.offsetHeight)
        .map((e) => e.id);
    """
    assert evaluated(several, WIDE, script, scripted=True) == [anchor("odelayer:constant-field:")]
