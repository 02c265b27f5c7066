"""The pages of a run of many layers: an overview, and a page for each layer beside it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urldefrag

import html5lib
import pytest
from bs4 import BeautifulSoup
from sample_runs import CHECKS, card, result, right_results, run_of

from nodecheck.frontends.cli.main import main
from nodecheck.report.files import write_layer_pages
from nodecheck.report.html import render
from nodecheck.report.layer_pages import layer_pages
from nodecheck.results import Run, at_most, from_json, to_json

OURS, OTHER = "ours", "theirs"


@pytest.fixture(scope="module")
def run() -> Run:
    """Return a run of 30 layers of two libraries, one of them wrong and one with a known fault."""
    layers = [f"{target}-{k}" for target in (OURS, OTHER) for k in range(15)]
    results = {r.id: r for name in layers for r in right_results(name)}
    bad = (at_most("error", 1.0, 0.5),)
    reason = "The grid is rounded.  See https://example.org/issues/156"
    changed = [
        result("ours-3", "constant-field", measurements=bad),
        result("theirs-4", "every-parameter", measurements=bad, expected=reason, reproducer="import torch"),
    ]
    results |= {r.id: r for r in changed}
    cards = [card(name) for name in layers]
    cards = [type(c)(**{**vars(c), "target": c.name.partition("-")[0]}) for c in cards]
    return run_of(results.values(), cards)


@pytest.fixture(scope="module")
def overview(run) -> BeautifulSoup:
    return BeautifulSoup(render(run), "html5lib")


@pytest.fixture(scope="module")
def pages(run) -> dict[str, str]:
    return dict(layer_pages(run, "index.html"))


def test_a_run_of_few_layers_has_no_other_pages():
    few = run_of([r for k in range(20) for r in right_results(f"right {k}")])
    assert dict(layer_pages(few, "index.html")) == {}


def test_each_layer_has_a_page_beside_the_overview(run, pages):
    assert sum(name.endswith(".html") for name in pages) == len(run.layers)
    assert {"layers/style.css", "layers/script.js"} < set(pages)


@pytest.mark.parametrize("layer", ["ours-0", "ours-3", "theirs-4"])
def test_a_page_of_a_layer_is_valid_html(pages, layer):
    html5lib.HTMLParser(strict=True).parse(pages[f"layers/{layer}.html"])


def test_the_overview_links_to_every_page(overview, pages):
    links = {a["href"] for a in overview.select(".layers th a")}
    assert links == {name for name in pages if name.endswith(".html")}


def test_every_page_links_back_to_the_overview(pages):
    page = BeautifulSoup(pages["layers/ours-0.html"], "html5lib")
    assert page.select_one("nav a")["href"] == "../index.html"


def test_every_link_of_a_page_has_its_target(pages):
    for name in ("layers/ours-0.html", "layers/theirs-4.html"):
        page = BeautifulSoup(pages[name], "html5lib")
        ids = {tag["id"] for tag in page.select("[id]")}
        inner = [urldefrag(a["href"]).fragment for a in page.select("a[href^='#']")]
        assert [fragment for fragment in inner if fragment not in ids] == []


def test_a_page_of_a_layer_needs_only_the_files_beside_it(pages):
    page = BeautifulSoup(pages["layers/ours-0.html"], "html5lib")
    assert [link["href"] for link in page.select("link[rel=stylesheet]")] == ["style.css"]
    assert [script["src"] for script in page.select("script")] == ["script.js"]


def test_the_page_of_a_wrong_layer_tells_what_to_fix(pages):
    page = BeautifulSoup(pages["layers/ours-3.html"], "html5lib")
    assert "Constant field is not integrated exactly" in page.select_one("#fix").get_text()


def test_the_page_of_a_layer_with_a_known_fault_has_its_reason_and_script(pages):
    known = BeautifulSoup(pages["layers/theirs-4.html"], "html5lib").select_one(".known")
    assert known.h4.get_text() == "A parameter receives no gradient"
    assert known.a["href"] == "https://example.org/issues/156"
    assert known.select_one("details code").get_text() == "import torch"


def test_the_passed_results_of_a_check_have_one_row(pages):
    page = BeautifulSoup(pages["layers/ours-0.html"], "html5lib")
    assert len(page.select("#checks tbody")) == len(CHECKS)


def test_every_check_that_passed_has_its_anchor(pages):
    ids = {tag["id"] for tag in BeautifulSoup(pages["layers/ours-0.html"], "html5lib").select("[id]")}
    assert {r.check for r in right_results("ours-0")} <= ids


def test_a_known_fault_has_its_anchor_by_check_and_problem(pages):
    assert BeautifulSoup(pages["layers/theirs-4.html"], "html5lib").find(id="every-parameter:")


def test_the_overview_has_the_run_and_no_checks(run, overview):
    assert overview.select("#checks, #plots .layer") == []
    assert to_json(from_json(render(run).encode())) == to_json(run)


def test_the_overview_says_what_to_rely_on_in_each_library(overview):
    tallies = [p.get_text(" ", strip=True) for p in overview.select(".library .tally")]
    assert tallies == ["15 layers: 14 right , 1 wrong", "15 layers: 14 right , 1 known faults"]


def test_the_overview_tells_the_faults_of_a_library_with_their_layers(overview):
    (fault,) = overview.select(".library")[1].select(".faults li")
    assert fault.summary.get_text(" ", strip=True) == "A parameter receives no gradient 1 layer"
    assert fault.select("a")[-1]["href"] == "layers/theirs-4.html"


def test_a_library_counts_the_layers_without_a_fault_under_each_theme(overview):
    rows = {
        tr.th.get_text(): tr.select_one(".n").get_text() for tr in overview.select(".library")[1].select("tr")
    }
    assert (rows["PyTorch"], rows["forward"]) == ("14 of 15", "15 of 15")


def test_the_overview_of_right_layers_opens_with_the_wrong_one(overview):
    shown = [b.th.get_text(strip=True) for b in overview.select(".layers .row:not(.folded)")]
    assert shown == ["ours-3", "theirs-4"]


def test_pages_of_layers_that_are_gone_are_removed(run, tmp_path):
    assert list(write_layer_pages(run, tmp_path / "index.html")) == []
    mine = tmp_path / "layers" / "mine.html"
    mine.write_text("not a report", encoding="utf-8")
    gone = run_of([r for r in run.results if r.layer != "ours-0"], run.layers[1:])
    assert list(write_layer_pages(gone, tmp_path / "index.html")) == []
    assert not (tmp_path / "layers" / "ours-0.html").exists()
    assert (tmp_path / "layers" / "ours-1.html").exists()
    assert mine.exists()


def test_the_command_report_writes_all_pages(run, tmp_path, monkeypatch):
    from click.testing import CliRunner

    (tmp_path / "run.json").write_bytes(to_json(run))
    done = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert len(list(Path(tmp_path, "layers").glob("*.html"))) == len(run.layers)
