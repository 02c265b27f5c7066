"""The page in Chromium: its height, nothing that reaches beyond its edge, and what print shows."""

from __future__ import annotations

import pytest
from browser import evaluated, size_of
from sample_runs import card, realistic_run, run_of, wrong_results

from nodecheck.report.html import render

WIDE, PHONE = 1200, 390  # CSS pixels
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
