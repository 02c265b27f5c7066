# ruff: noqa: E501
"""The HTML report, parsed as a browser parses it."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from dataclasses import replace

import html5lib
import pytest
from bs4 import BeautifulSoup
from sample_runs import card, large_run, realistic_run, replaced, result, right_results, run_of

from nodecheck.report.anchors import anchor
from nodecheck.report.html import render
from nodecheck.report.numbers import bound, quantity
from nodecheck.results import LayerCard, Metric, Outcome, Result, Run, Series, at_most, from_json, to_json

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\" onmouseover='alert(1)'",
    "]]><!--\u2028\u2029-->",
    "{{ 7 * 7 }} {% raw %}",
    "$\\frac{x}$ 日本語 \x1b\x00",
    "x" * 10_000,
)


@pytest.fixture(scope="module")
def text() -> str:
    return render(realistic_run())


@pytest.fixture(scope="module")
def page(text) -> BeautifulSoup:
    return BeautifulSoup(text, "html5lib")


def parsed(run: Run) -> BeautifulSoup:
    return BeautifulSoup(render(run), "html5lib")


def measured_results(layer: str) -> list[Result]:
    """Return two results of a layer with fixed steps, whose error, evaluations and bytes are known."""
    steps, errors = (8.0, 16.0, 32.0, 64.0), (1e-1, 2e-2, 5e-3, 1.2e-3)
    curve = Series(
        "Gradient error",
        "y0",
        tuple(1.4 / n for n in steps),
        errors,
        "step h",
        "relative error",
        log=True,
        slope=2.0,
    )
    numbers = (
        Metric("error at 32 steps of y0", 5e-3, "error"),
        Metric("evaluations forward, 64 steps", 128.0, "evaluations"),
        Metric("evaluations backward, 64 steps", 192.0, "evaluations"),
    )
    peak = Series("Memory", "peak of backward", (4.0, 64.0), (1024.0, 16384.0), "steps", "bytes", log=True)
    return [
        result(layer, "gradient-order", "rotation", series=(curve,), metrics=numbers),
        result(layer, "peak-memory", series=(peak,)),
        result(layer, "constant-field"),
    ]


def hostile_run(text: str) -> Run:
    """Return a run in which everything that comes from outside is the text."""
    curves = (
        Series(text, text, (0.1, 0.05), (1e-2, 1e-3), text, text, "points", True, 2.0),
        Series("Gradient error", text, (0.1, 0.05), (1e-2, 1e-3), text, text, "points", True, 2.0),
    )
    common = {"problem": text, "theme": text, "kind": text, "cite": text, "diagnosis": text, "reason": text,
              "facts": {text: text}, "reproducer": text, "output": text, "series": curves}  # fmt: skip
    results = [
        Result(text, f"{text}{k}", outcome=outcome, title=text, expected=expected,
               measurements=(at_most(text, 1.0, limit, text),) if outcome is Outcome.MEASURED else (), **common)
        for k, (outcome, limit, expected) in enumerate([
            (Outcome.MEASURED, 2.0, ""), (Outcome.MEASURED, 0.0, ""), (Outcome.MEASURED, 0.0, text),
            (Outcome.MEASURED, 2.0, text), (Outcome.ERROR, 0.0, ""), (Outcome.INCONCLUSIVE, 0.0, ""),
        ])
    ]  # fmt: skip
    cards = (LayerCard(text, text, text, adjoint=text, memory=text, tableau=text, origin=text),)
    return Run(
        tuple(results), cards, (text,), text, 0, text, text, 1.0, {text: text}, {text: text}, (text,), text
    )


def test_the_document_is_valid_html(text):
    html5lib.HTMLParser(strict=True).parse(text)


def test_what_a_wrong_layer_printed_is_told_with_the_failure():
    failed = result("layer", "constant-field", measurements=(at_most("error", 1.0, 0.5),), output="Killed: 9")
    details = parsed(run_of([failed])).select_one(".finding").find("summary", string="What the layer printed")
    assert "Killed: 9" in details.parent.get_text()


def test_equal_runs_give_equal_documents(text):
    assert render(realistic_run()) == text


def test_the_headline_is_the_verdict(page):
    assert page.h1.get_text().startswith("1 of 5 layers is wrong, 1 has outdated expectations, 1 is")


def row_of(page: BeautifulSoup, name: str) -> BeautifulSoup:
    """Return the row of a layer in the table of layers, with its card."""
    return next(b for b in page.select(".layers .row") if b.th.get_text(strip=True) == name)


def test_every_layer_has_its_verdict_in_words(page):
    sentence = row_of(page, "odelayer").select_one(".card .sentence").get_text(" ", strip=True)
    assert sentence == "✓ right: verified, forward order 4.00 (claimed 4), gradient discretely consistent"
    assert len(page.select(".layers .row")) == 5


def test_a_single_layer_has_its_verdict_as_a_sentence():
    page = parsed(run_of(right_results("mine"), [card("mine")]))
    assert page.select_one(".top .sentence").get_text(" ", strip=True).startswith("✓ mine is right: verified")
    assert page.select_one("table.layers") is None


def test_the_header_tells_how_to_repeat_the_run(page):
    assert page.select_one(".command code").get_text() == realistic_run().command


def test_the_header_tells_date_version_profile_seed_and_duration(page):
    values = [b.get_text() for b in page.select(".meta b")]
    assert values == ["2025-03-04 09:12:44 UTC", "0.1.0", "ci", "7", "31.4 s"]


def test_warnings_are_told(page):
    assert "CUDA is not available" in page.select_one(".note").get_text()


def test_load_errors_are_told():
    note = parsed(run_of([], load_errors={"x.py:Y": "ModuleNotFoundError: z"})).select_one(".note.failed")
    assert "x.py:Y could not be loaded." in note.get_text()
    assert "ModuleNotFoundError: z" in note.get_text()


def test_the_table_of_layers_has_the_worst_first(page):
    names = [b.th.get_text(strip=True) for b in page.select(".layers .row")]
    assert names == ["blog layer", "dopri5", "mine-float32", "torchdiffeq:rk4", "odelayer"]


def test_a_row_has_error_memory_and_evaluations_where_they_are_known():
    page = parsed(run_of([r for name in ("a", "b") for r in measured_results(name)]))
    cells = {
        td["data-label"]: td.get_text(" ", strip=True) for td in row_of(page, "a").select("td[data-label]")
    }
    assert cells == {"its error": "0.00500 32 steps", "evaluations": "2 + 3 per step"}


def test_a_row_has_verdict_order_and_gradient(page):
    cells = [td.get_text(" ", strip=True) for td in row_of(page, "odelayer").tr.select("td")]
    assert cells == ["✓ right", "4.00 (4)", "discrete"]


def test_a_verdict_in_the_table_is_symbol_word_and_reason(page):
    text = row_of(page, "blog layer").select_one(".v").get_text(" ", strip=True)
    assert text.startswith("✗ wrong The layer integrates over 1.0667, not 1: about +1.1 steps of 1/16")


def test_right_layers_are_folded_behind_the_others():
    right = [r for k in range(5) for r in right_results(f"right {k}")]
    wrong = result("wrong", "constant-field", measurements=(at_most("error", 1.0, 0.5),))
    page = parsed(run_of([*right, wrong]))
    assert page.select_one(".layers .fold summary").get_text() == "5 right layers"
    assert [b.th.get_text(strip=True) for b in page.select(".layers .row:not(.folded)")] == ["wrong"]


def test_right_layers_alone_are_not_folded():
    page = parsed(run_of([r for k in range(5) for r in right_results(f"right {k}")]))
    assert page.select(".layers .fold, .layers .folded") == []


def test_the_table_of_layers_can_be_sorted_by_numbers(page):
    keys = [td["data-key"] for td in row_of(page, "odelayer").tr.select("td[data-key]")]
    assert keys == ["09", "4.00"]


def test_every_link_inside_the_page_has_its_target(page):
    ids = {tag["id"] for tag in page.select("[id]")}
    assert [a["href"] for a in page.select("a[href^='#']") if a["href"][1:] not in ids] == []


def test_no_id_is_used_twice(page):
    assert [i for i, n in Counter(tag["id"] for tag in page.select("[id]")).items() if n > 1] == []


def test_every_reference_of_a_drawing_is_to_an_id_of_the_page(page, text):
    ids = {tag["id"] for tag in page.select("[id]")}
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= ids


def test_every_result_has_its_stable_anchor(page):
    ids = {tag["id"] for tag in page.select("[id]")}
    assert [r.id for r in realistic_run().results if anchor(r.id) not in ids] == []


def test_every_measurement_is_in_the_table(page):
    for r in filter(lambda r: r.measurements, realistic_run().results):
        rows = page.select(f'[data-layer="{r.layer}"] tbody')
        body = next(b for b in rows if r.check in b.get_text() and r.problem in b.get_text())
        for m in r.measurements:
            assert any(
                m.name in row.get_text()
                and quantity(m.value, m.unit) in row.get_text()
                and bound(m) in row.get_text()
                for row in body.find_all("tr")
            )


def test_the_checks_of_each_layer_are_folded_away(page):
    assert all(b.find_parent("details", class_="of-layer") for b in page.select("#checks tbody"))
    assert page.select_one("#checks details.of-layer[open]") is None


def test_results_that_did_not_pass_stand_before_those_that_did(page):
    layer = page.select_one('#checks [data-layer="blog layer"]')
    assert [t.caption.get_text() for t in layer.select("table")] == [
        "Results that did not pass", "Results that passed"
    ]  # fmt: skip


def test_results_without_a_verdict_are_told_with_their_reason(page):
    idle = page.select_one('#checks [data-layer="torchdiffeq:rk4"] .idle').get_text(" ", strip=True)
    assert "skipped: No CUDA device. peak-memory" in idle


def test_the_sections_of_several_layers_have_their_order(page):
    ids = ["layers", "fix", "comparison", "plots", "checks", "environment"]
    assert [s["id"] for s in page.select("main > section")] == ids
    assert [a["href"].removeprefix("#") for a in page.select("nav a")] == ids


def test_the_sections_of_one_layer_have_their_order():
    known = result("mine", "saved-states", measurements=(at_most("e", 4.0, 1.0),), expected="a reason")
    open_ = result("mine", "peak-memory", outcome=Outcome.INCONCLUSIVE, measurements=(), reason="too few")
    page = parsed(run_of(replaced(right_results("mine"), known, open_), [card("mine")]))
    ids = ["expected", "inconclusive", "plots", "identity", "checks", "environment"]
    assert [s["id"] for s in page.select("main > section")] == ids
    assert [a["href"].removeprefix("#") for a in page.select("nav a")] == ids


def test_a_list_that_is_not_there_has_no_link():
    page = parsed(run_of(right_results("mine"), [card("mine")]))
    links = {a["href"] for a in page.select("nav a")}
    assert not links & {"#expected", "#inconclusive"}


def test_the_identity_card_sets_claims_beside_measurements(page):
    rows = [d.get_text(" ", strip=True) for d in row_of(page, "odelayer").select(".identity > div")]
    assert "order 4.00 (claimed: 4)" in rows
    assert "gradient class discretely consistent (claimed: continuous)" in rows
    assert "evaluations per step in backward 8" in rows


def test_a_finding_has_diagnosis_numbers_reproducer_and_source(page):
    text = page.select_one("#fix .finding").get_text(" ", strip=True)
    for part in ("about +1.1 steps of 1/16", "0.0667", "at most 5.7e-14", "nodecheck.replay", "Hairer"):
        assert part in text


def test_a_fault_is_a_card_and_the_checks_that_follow_from_it_are_folded():
    checks = ("constant-field", "forward-order", "constant-field-gradient")
    page = parsed(run_of([result("m", c, measurements=(at_most("e", 1.0, 0.0),)) for c in checks]))
    assert len(page.select("#fix .fault")) == 1
    assert len(page.select("#fix .fault details.more .finding")) == 3


def test_a_card_has_headline_remedy_worst_value_and_a_command():
    bad = result("m", "constant-field", measurements=(at_most("e", 2.0, 1.0), at_most("f", 9.0, 1.0)),
                 diagnosis="One step too many is taken, 17 steps for 16.", remedy="Take one less.")  # fmt: skip
    card_of_fault = parsed(run_of([bad])).select_one(".fault")
    text = card_of_fault.get_text(" ", strip=True)
    assert text.startswith("One step too many is taken, 17 steps for 16. What to do Take one less.")
    assert [td.get_text(strip=True) for td in card_of_fault.select(".worst td.n")] == ["9", "at most 1"]
    assert "nodecheck reproduce run.json m:constant-field:" in text


def test_a_run_without_failures_has_no_cards():
    assert parsed(run_of(right_results("m"))).select_one("#fix") is None


def test_expected_failures_have_their_reason(page):
    assert (
        "Counts one state more than it claims"
        in row_of(page, "torchdiffeq:rk4").select_one(".known").get_text()
    )


def test_unexpected_passes_are_set_apart(page):
    assert "time-given-to-field" in page.select_one(".finding.outdated").get_text()


def test_inconclusive_results_have_their_reason(page):
    assert "Not asymptotic" in row_of(page, "mine-float32").select_one(".undecided").get_text()


def test_every_drawing_has_title_and_description(page):
    drawings = page.select(".panel svg[role=img]")
    assert drawings
    assert all(svg.title.get_text() and svg.desc.get_text() for svg in drawings)


def test_the_legend_has_the_fitted_slope(page):
    assert "y1 slope 4.01" in page.select_one(".small .legend").get_text(" ", strip=True)


def test_the_backward_pass_is_side_by_side(page):
    figure = next(f for f in page.select("#plots figure") if f.h4.get_text() == "Backward pass")
    assert [h.get_text() for h in figure.select("h5")] == ["State", "Adjoint", "Parameter gradient"]


def test_the_gradient_of_each_layer_has_a_small_drawing_on_common_axes():
    page = parsed(run_of([r for name in ("a", "b") for r in measured_results(name)]))
    figure = page.select_one("figure.multiples")
    assert [a.get_text() for a in figure.select("li a")] == ["a", "b"]
    assert len(figure.select("svg .measured")) == 2
    assert figure.select_one("thead").get_text(" ", strip=True) == "layer 8 steps 16 steps 32 steps 64 steps"


def test_the_small_drawing_of_a_wrong_layer_is_marked():
    wrong = result("b", "constant-field", measurements=(at_most("error", 1.0, 0.5),))
    results = [*measured_results("a"), *(r for r in measured_results("b") if r.check != wrong.check), wrong]
    links = {
        li.a.get_text(): li.select_one(".measured")["class"]
        for li in parsed(run_of(results)).select("figure.multiples li")
    }
    assert links == {"a": ["measured"], "b": ["measured", "bad"]}


def test_all_layers_have_their_work_precision_on_common_axes():
    page = parsed(run_of([r for name in ("a", "b") for r in measured_results(name)]))
    (figure,) = [f for f in page.select("figure.wide") if "work-precision" in f.h4.get_text()]
    assert [h.get_text() for h in figure.select("h5")] == [
        "Against evaluations of the field",
        "Against bytes at the peak",
    ]
    assert [t.get_text() for t in figure.select(".panel")[0].select("path title")] == ["a", "b"]


def test_one_layer_is_compared_with_none():
    assert parsed(run_of(right_results("m"), [card("m")])).select_one("figure.wide") is None


def test_a_layer_has_one_colour_in_all_comparisons():
    without_bytes = [replace(r, series=()) if r.check == "peak-memory" else r for r in measured_results("b")]
    results = [*measured_results("a"), *without_bytes, *measured_results("c")]
    legends = parsed(run_of(results)).select("figure.wide .legend")
    colours = [
        {li.get_text(" ", strip=True).split()[1]: li.i["class"] for li in legend.select("li")}
        for legend in legends
    ]
    assert colours[0]["c"] == colours[1]["c"]


def test_a_label_does_not_repeat_the_problem_that_heads_the_panel():
    curve = Series("Gradient error", "y0, rotation", (0.2, 0.1), (1e-2, 1e-3), log=True)
    legend = parsed(run_of([result("m", "gradient-order", "rotation", series=(curve,))])).select_one(
        ".legend"
    )
    assert legend.get_text(" ", strip=True) == "● y0"


def test_every_figure_has_its_numbers(page):
    assert all(f.select_one("details.numbers td") for f in page.select("#plots figure"))


def test_drawings_have_no_colour_of_their_own(page):
    assert re.findall(r"#[0-9a-fA-F]{6}", " ".join(map(str, page.select("svg")))) == []


def test_every_table_has_headers_with_scope(page):
    for table in page.select("table"):
        assert table.select("th[scope]")
    assert page.select("th:not([scope])") == []


def test_the_page_needs_nothing_from_outside(text):
    assert re.findall(r"""(?:src|href)=["'](?!#|data:,)""", text) == []
    assert "@import" not in text
    assert "url(http" not in text


def test_the_policy_admits_our_script_and_no_other(page):
    import base64
    import hashlib

    policy = page.select_one("meta[http-equiv]")["content"]
    digest = hashlib.sha256(page.select_one("script:not([type])").string.encode()).digest()
    assert f"script-src 'sha256-{base64.b64encode(digest).decode()}'" in policy


def test_the_page_holds_the_run(text):
    assert to_json(from_json(text.encode())) == to_json(realistic_run())


def test_the_data_in_the_page_cannot_end_its_element():
    page = parsed(hostile_run("</script><!--\u2028\u2029&"))
    assert re.fullmatch("[A-Za-z0-9+/=]+", page.select_one("#nodecheck-data").string)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_text_from_outside_adds_no_element(hostile):
    page = parsed(hostile_run(hostile))
    assert len(page.select("script")) == 2
    assert page.select("img") == []
    assert [t for t in page.find_all(True) if any(k.startswith("on") for k in t.attrs)] == []


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_text_from_outside_leaves_the_document_valid(hostile):
    html5lib.HTMLParser(strict=True).parse(render(hostile_run(hostile)))


def test_a_very_long_name_does_not_fill_the_page():
    visible = re.sub(
        r'id="nodecheck-data">.*?</script>', "", render(hostile_run("x" * 10_000)), flags=re.DOTALL
    )
    assert len(visible) < 300_000


VALUES = {
    "nan": (math.nan, math.nan, math.nan),
    "infinite": (math.inf, 1.0, -math.inf),
    "zero": (0.0, 0.0, 0.0),
    "equal": (1.0, 1.0, 1.0),
    "huge": (1e300, 1.0, 1e-300),
    "overflowing": (1.7e308, -1.7e308, 0.0),
    "subnormal": (5e-324, 1e-320, 1e-310),
    "negative": (-1.0, -2.0, -3.0),
    "partly finite": (1e-2, math.nan, 1e-4),
}


@pytest.mark.parametrize("log", [False, True], ids=["linear", "log"])
@pytest.mark.parametrize("style", ["points", "line", "field"])
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_any_curve_is_drawn(values, style, log):
    curves = (
        Series("Forward error", "a", (0.4, 0.2, 0.1), values, "h", "e", style, log, 4.0),
        Series("Forward error", "b", values, (1.0, 0.1, 0.01), "h", "e", style, log, 4.0),
    )
    page = parsed(run_of([result("m", "forward-order", series=curves)]))
    drawing = str(page.select_one(".panel svg"))
    assert page.select_one(".panel svg path")
    assert not re.search(r"\b(nan|inf)\b", drawing.split("</desc>")[1])


def test_an_empty_curve_is_drawn():
    page = parsed(run_of([result("m", "forward-order", series=(Series("Other", "a", (), ()),))]))
    assert page.select_one(".panel svg")


def test_a_measurement_that_is_not_a_number_is_told_as_broken():
    page = parsed(run_of([result("m", "constant-field", measurements=(at_most("error", math.nan, 1.0),))]))
    assert "✗ not a number" in page.select_one("#checks td.bad").get_text()


def test_an_empty_run_is_a_page():
    assert parsed(run_of([])).h1.get_text() == "Nothing was run"


def test_a_run_of_errors_only_is_a_page():
    bad = [
        result("m", c, outcome=Outcome.ERROR, measurements=(), diagnosis="a\nb")
        for c in ("peak-memory", "saved-states")
    ]
    page = parsed(run_of(bad))
    assert page.h1.get_text() == "m could not run"
    assert [pre.get_text() for pre in page.select("#fix pre.trace")] == ["a\nb", "a\nb"]


def test_ten_layers_stay_within_the_size_budget():
    assert len(render(large_run()).encode()) < 800_000


@pytest.mark.slow
def test_ten_layers_are_drawn_within_a_few_seconds():
    begin = time.process_time()
    render(large_run())
    assert time.process_time() - begin < 3


def test_of_several_layers_the_plots_of_each_are_folded():
    page = parsed(run_of([r for k in range(3) for r in right_results(f"right {k}")]))
    names = [d.summary.get_text() for d in page.select("#plots .layer > details")]
    assert names == ["right 0", "right 1", "right 2"]


def test_of_a_single_layer_the_plots_of_convergence_are_not_folded():
    page = parsed(run_of(right_results("mine"), [card("mine")]))
    folded = {f.h4.get_text() for f in page.select("#plots details figure")}
    assert folded == {"Phase portrait", "Backward pass"}


def test_numbers_of_steps_stand_along_the_axis_in_place_of_step_sizes():
    (drawing,) = parsed(run_of(measured_results("a")[:1])).select("#plots .panel svg")
    assert {"8", "16", "32", "64", "steps"} <= {t.get_text() for t in drawing.select("text")}


def test_more_steps_stand_further_to_the_right():
    (drawing,) = parsed(run_of(measured_results("a")[:1])).select("#plots .panel svg")
    places = {t.get_text(): float(t["x"]) for t in drawing.select("text")}
    assert places["8"] < places["64"]


def test_a_known_fault_is_told_with_its_thread_as_a_link_and_its_script():
    reason = "no gradient.  See https://example.org/issues/156"
    bad = (at_most("error", 1.0, 0.5),)
    known = result("mine", "constant-field", measurements=bad, expected=reason, reproducer="import torch")
    row = parsed(run_of([known])).select_one("#expected .known")
    assert row.a["href"] == "https://example.org/issues/156"
    assert row.select_one("details code").get_text() == "import torch"
