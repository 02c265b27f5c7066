"""The pages of single layers beside the overview of a run of many, with the files that they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nodecheck.report.check_rows import check_rows
from nodecheck.report.html import RECORD, SCRIPT, SHEETS, page, source
from nodecheck.report.layer_card import detail
from nodecheck.report.layer_table import layer_rows
from nodecheck.report.page_plan import LAYERS, has_layer_pages, layer_address
from nodecheck.report.plots import Extent, layer_sections
from nodecheck.report.words import layer_names
from nodecheck.results import Run


def layer_pages(run: Run, overview: str, place: str = RECORD) -> Iterator[tuple[str, str]]:
    """Yield the files beside the overview, each with its name and its text; none of a run of few layers.

    `place` is the folder of the run, as a command names it.
    """
    if not has_layer_pages(run):
        return
    yield f"{LAYERS}/style.css", "\n".join(map(source, SHEETS))
    yield f"{LAYERS}/{SCRIPT}", source(SCRIPT)
    for name in layer_names(run):
        yield layer_address(name), _layer_page(run, name, f"../{overview}", place)


def _layer_page(run: Run, name: str, up: str, place: str) -> str:
    results = run.of_layer(name)
    cards = tuple(card for card in run.layers if card.name == name)
    targets = tuple(dict.fromkeys(card.target for card in cards)) or run.targets
    alone = replace(run, targets=targets, results=results, layers=cards, load_errors={}, warnings=())
    return page(
        alone,
        separate=False,
        in_full=False,
        rows=layer_rows(alone),
        details={name: detail(alone, name)},
        libraries=[],
        multiples=[],
        comparison=[],
        figures=layer_sections({name: results}, lambda _: Extent.BRIEF),
        checks=[check_rows(alone, name, in_full=False)],
        data="",
        address=layer_address,
        up=up,
        place=place,
    )
