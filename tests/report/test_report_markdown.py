"""A run as Markdown, read as GitHub reads it."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sample_runs import card, large_run, realistic_run, result, right_results, run_of

from nodecheck.report.markdown import render
from nodecheck.report.markdown_text import STEP_SUMMARY_BYTES, code, fenced, prose
from nodecheck.results import Outcome, at_most

NASTY = [
    "<script>alert(1)</script>",
    "<!-- <details>",
    "a|b|c",
    "`tick` ``two``",
    "**bold** _it_ ~~gone~~ [x](http://e.org) ![i](j)",
    "# heading",
    "- item",
    "1. item",
    "&lt;b&gt; &amp;",
    "back\\slash\\",
    "$x$ :tada: https://example.org",
    "</details></td></table>",
    "\u202eabc\x1b[31m\ud800",
]


def page(text: str) -> BeautifulSoup:
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    return BeautifulSoup(html, "html5lib")


def shown(text: str) -> str:
    return page(text).get_text().strip()


@pytest.mark.parametrize("text", NASTY[:-1])
def test_a_sentence_is_shown_as_it_is(text):
    assert shown(prose(text)) == text


@pytest.mark.parametrize("name", NASTY[:-1])
def test_a_name_in_a_cell_is_shown_as_it_is(name):
    table = f"| a | b |\n|---|---|\n| {code(name)} | end |"
    assert [td.get_text() for td in page(table).find_all("td")] == [name, "end"]


@given(st.text("*_~`|<>&#\\\\[]()!-+=.:$@ab1 \n"))
def test_every_sentence_is_shown_as_it_is(text):
    assert shown(prose(text)) == " ".join(text.split())


@given(st.text("*_~`|<>&#\\\\[]()!-+=.:$@ab1 "))
def test_every_name_in_a_cell_is_shown_as_it_is(name):
    table = f"| a | b |\n|---|---|\n| {code(name)} | end |"
    assert [td.get_text() for td in page(table).find_all("td")] == [" ".join(name.split()), "end"]


def test_numbers_and_names_are_not_littered_with_backslashes():
    text = "right: odeint_adjoint, order 3.98 (claimed 4), 3e-14 - 2"
    assert prose(text) == text


def test_a_person_is_not_mentioned():
    assert "@somebody" not in prose("thanks @somebody")
    assert shown(prose("thanks @somebody")) == "thanks @somebody"


@pytest.mark.parametrize("source", ["x = 1", "```\nend", "````` five\n```", "</details>"])
def test_code_stays_in_its_fence(source):
    (block,) = page(fenced(source, "python")).find_all("pre")
    assert block.get_text().strip("\n") == source


@pytest.mark.parametrize("name", NASTY)
def test_no_name_becomes_markup(name):
    bad = result(name, "constant-field", measurements=(at_most(name, 1.0, 0.0),), diagnosis=name,
                 reproducer=name)  # fmt: skip
    kept = result(name, "gradient-class", name, outcome=Outcome.INCONCLUSIVE, measurements=(), reason=name)
    run = run_of([bad, kept], [card(name)], load_errors={name: name}, warnings=(name,), profile=name)
    tags = {tag.name for tag in page(render(run)).find_all(True)}
    allowed = "html head body h2 h3 p ul li table thead tbody tr th td code pre details summary strong sub br"
    assert tags <= set(allowed.split())


def test_every_layer_has_its_verdict_in_a_row():
    rows = page(render(realistic_run())).find("table").find_all("tr")
    names = [row.find_all("td")[1].get_text() for row in rows[1:]]
    assert names == ["odelayer", "blog layer", "torchdiffeq:rk4", "dopri5", "mine-float32"]


def test_the_scorecard_has_a_row_for_every_layer():
    card_ = page(render(realistic_run())).find_all("table")[1]
    assert len(card_.find_all("tr")) == 1 + 5
    assert "✗ 1/5" in card_.get_text()


def test_a_failure_is_told_with_diagnosis_and_number():
    text = shown(render(realistic_run()))
    assert "The layer integrates over 1.0667, not 1: about +1.1 steps of 1/16." in text
    assert "error of y1: value 0.0667, bound at most 5.7e-14" in text


def test_the_lines_that_reproduce_are_folded_away():
    details = page(render(realistic_run())).find_all("details")
    assert "import nodecheck" in details[0].find("pre").get_text()
    assert not details[0].has_attr("open")


def test_expected_failures_and_what_is_inconclusive_are_listed():
    summaries = [s.get_text() for s in page(render(realistic_run())).find_all("summary")]
    assert {"Failed as expected (1)", "Inconclusive (2)"} <= set(summaries)


def test_a_target_that_could_not_be_loaded_is_told():
    text = shown(render(run_of([], load_errors={"x.py:Y": "no such file"})))
    assert "x.py:Y could not be loaded: no such file" in text


def test_equal_runs_give_equal_summaries():
    assert render(realistic_run()) == render(realistic_run())


def test_a_large_run_fits_into_the_summary_of_a_step():
    assert len(render(large_run(60)).encode()) <= STEP_SUMMARY_BYTES


@pytest.mark.parametrize("limit", [500, 2_000, 5_000])
def test_what_does_not_fit_is_counted(limit):
    text = render(large_run(), limit=limit)
    assert len(text.encode()) <= limit
    assert "left out: this is all that fits here" in text


def test_a_hostile_run_fits_too():
    names = [f"{k}" + "ü`|<" * 10_000 for k in range(200)]
    results = [r for n in names for r in right_results(n, plots=False)]
    run = run_of(results, map(card, names), load_errors=dict.fromkeys(names, "ä" * 100_000))
    assert len(render(run).encode()) <= STEP_SUMMARY_BYTES


def test_an_empty_run_is_told():
    assert "Nothing was run" in shown(render(run_of([])))
