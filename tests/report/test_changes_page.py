"""The page of a comparison: what is new, what is fixed, what still fails, and errors before and after."""

from __future__ import annotations

from dataclasses import replace

import html5lib
import pytest
from bs4 import BeautifulSoup
from sample_runs import card, result, right_results, run_of, wrong_results

from nodecheck.report.changes import compare
from nodecheck.report.changes_page import render_changes
from nodecheck.report.changes_text import verdict
from nodecheck.results import at_most

CARDS = [card(name) for name in ("mine", "theirs", "other")]
BEFORE = run_of([*right_results("mine"), *wrong_results("theirs"), *wrong_results("other")], CARDS)
AFTER = run_of([*wrong_results("mine"), *right_results("theirs"), *wrong_results("other")], CARDS)


def page_of(before, after):
    return render_changes(compare(before, after), before, after)


@pytest.fixture(scope="module")
def page():
    return BeautifulSoup(page_of(BEFORE, AFTER), "html5lib")


def test_the_page_begins_with_the_verdict(page):
    whole = " ".join(page.find("header").get_text().split())
    outcome, _, rest = verdict(compare(BEFORE, AFTER)).partition(": ")
    assert outcome in page.find("h1").get_text()
    assert rest in whole


def test_new_failures_stand_before_fixed_ones_and_both_before_what_still_fails(page):
    sections = [section["id"] for section in page.find_all("section")]
    assert sections == ["broken", "fixed", "plots", "still"]


def test_each_difference_has_a_row(page):
    rows = page.find(id="broken").find("tbody").find_all("tr")
    assert {row.find("td").get_text() for row in rows} == {"mine"}
    assert "value 0.0667, bound at most 5.7e-14" in page.find(id="broken").get_text()


def test_what_still_fails_is_folded_with_a_line_for_each_check(page):
    found = page.find(id="still").find("details")
    assert not found.has_attr("open")
    lines = [item.get_text() for item in found.find_all("li")]
    assert len(lines) == len({line.split()[1] for line in lines})
    assert all(line.startswith("other ") for line in lines)


def test_errors_of_both_runs_are_drawn_where_they_changed(page):
    titles = {h.get_text().partition(",")[0] for h in page.find(id="plots").find_all("h5")}
    legends = {" ".join(li.get_text().split()[1:2]) for li in page.find(id="plots").select(".legend li")}
    assert titles == {"mine", "theirs"}
    assert legends == {"before", "after"}


def test_runs_that_do_not_differ_have_a_page_without_sections():
    run = run_of(right_results("mine"), [card("mine")])
    page = BeautifulSoup(page_of(run, run), "html5lib")
    assert "No regression" in page.find("h1").get_text()
    assert page.find("section") is None


def test_the_page_is_html_that_parses():
    html5lib.HTMLParser(strict=True).parse(page_of(BEFORE, AFTER))


def test_equal_runs_give_equal_pages():
    assert page_of(BEFORE, AFTER) == page_of(BEFORE, AFTER)


def test_the_page_is_not_broken_by_a_name():
    name = "<script>alert(1)</script>"
    wrong = run_of([result(name, "constant-field", measurements=(at_most("error", 2.0, 1.0),))])
    page = BeautifulSoup(page_of(replace(wrong, results=()), wrong), "html5lib")
    assert page.find("script") is None
    assert name in page.get_text()


def test_notes_on_what_differs_stand_on_the_page():
    page = page_of(BEFORE, replace(AFTER, profile="smoke"))
    assert "the profile was ci, is smoke" in page
