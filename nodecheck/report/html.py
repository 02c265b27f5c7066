"""A run as one HTML file that needs no network, no server and no JavaScript."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import shlex
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from nodecheck.report import limits, numbers
from nodecheck.report.anchors import anchor, layer_anchor
from nodecheck.report.check_rows import check_rows
from nodecheck.report.faults import Fault, faults
from nodecheck.report.faults.pictures import Picture, pictures
from nodecheck.report.gradient_accuracy import shared_problem
from nodecheck.report.layer_card import detail
from nodecheck.report.layer_table import folded_words, layer_rows
from nodecheck.report.libraries import libraries
from nodecheck.report.own_fields import unseen
from nodecheck.report.page_plan import extent, has_layer_pages, layer_address
from nodecheck.report.plots import comparison_section, layer_sections
from nodecheck.report.run_verdict import run_verdict
from nodecheck.report.small_multiples import small_multiples
from nodecheck.report.statuses import SYMBOLS, statement, status_word
from nodecheck.report.summary import Cell, groups, scorecard, themes
from nodecheck.report.svg import marker_definitions
from nodecheck.report.words import layer_names, verdict
from nodecheck.results import Result, Run, Status, phrases, to_page_data

if TYPE_CHECKING:
    import jinja2

RECORD = "run.json"  # where a page is told no other place of its run
_MOST_FIXED = 3  # wrong layers whose faults are on the overview, too
# Filters and variables of the templates.
_LENGTHS = {
    "short_theme": limits.THEME,
    "label": limits.LABEL,
    "measurement": limits.MEASUREMENT,
    "title": limits.TITLE,
    "reason": limits.REASON,
}
SHEETS, SCRIPT = ("style.css", "parts.css"), "script.js"
_MOST = {"most_faults": 4, "most_names": limits.MOST_NAMES, "most_problems": limits.MOST_PROBLEMS}


def prepare() -> None:
    """Import jinja2 and compile the templates, so that the first page takes less time."""
    templates = environment()
    for name in templates.list_templates(extensions=["j2"]):
        templates.get_template(name)


def render(run: Run, place: str = RECORD) -> str:
    """Return the report as one HTML document, with its own data; equal runs give equal documents.

    `place` is the file of the run, or its folder, as a command names it.

    Of a run of many layers it is the overview, which links to the pages of `layer_pages`.
    """
    return _first_page("page.html.j2", run, separate=has_layer_pages(run), place=place)


def fragment(run: Run) -> str:
    """Return the first part of the report, table and faults, for a page of somebody else: a notebook."""
    return _first_page("fragment.html.j2", run, separate=False)


def _first_page(template: str, run: Run, *, separate: bool, place: str = RECORD) -> str:
    layers = layer_names(run)
    return page(
        run,
        template,
        separate=separate,
        in_full=not separate,
        rows=layer_rows(run),
        details={} if separate else {name: detail(run, name) for name in layers},
        libraries=libraries(run),
        multiples=small_multiples(run),
        comparison=comparison_section(run),
        figures=[]
        if separate
        else layer_sections({name: run.of_layer(name) for name in layers}, extent(run)),
        checks=[] if separate else [check_rows(run, name, in_full=True) for name in layers],
        data=to_page_data(run),
        address=layer_address if separate else lambda name: f"#{layer_anchor('layer', name)}",
        up="",
        place=place,
    )


def page(run: Run, template: str = "page.html.j2", **parts: Any) -> str:
    """Return a page of these layers; `parts` are its variables."""
    layers = layer_names(run)
    to_fix = _to_fix(run, layers)
    shown = to_fix[:_MOST_FIXED] if parts["separate"] else to_fix
    return environment().get_template(template).render(
        run=run,
        unseen=unseen(run),
        verdicts=[verdict(run, name) for name in layers],
        headline=run_verdict(run),
        theme_cells=_theme_cells(run),
        counts=[(s, run.count(s)) for s in SYMBOLS if run.count(s)],
        folded_words=folded_words(parts["rows"]),
        problem=shared_problem(run),
        to_fix=shown,
        not_shown=len(to_fix) - len(shown),
        xpassed=groups(run.results, Status.XPASSED),
        markers=marker_definitions(),
        script_hash=_script_hash(),
        here=_anchor_within if parts["up"] else lambda r: anchor(r.id),
        **parts,
    )  # fmt: skip


def _anchor_within(result: Result) -> str:
    """Return the address of a result on the page of its layer."""
    return anchor(f"{result.check}:{result.problem}")


def _theme_cells(run: Run) -> list[tuple[str, Cell]]:
    """Return the worst status of each theme, for the page of a single layer."""
    rows = scorecard(run, layer_names(run)[:1])
    return list(zip(themes(run), rows[0][1], strict=True)) if rows else []


def _to_fix(run: Run, layers: tuple[str, ...]) -> list[tuple[str, list[tuple[Fault, tuple[Picture, ...]]]]]:
    """Return for each layer that fails its faults, with the pictures that show them."""
    cards = {card.name: card for card in run.layers}
    found = [
        (name, [(fault, pictures(fault, cards.get(name), run.of_layer(name))) for fault in faults(run, name)])
        for name in layers
    ]
    return [(name, of_layer) for name, of_layer in found if of_layer]


def _script_hash() -> str:
    """Return the hash by which the content security policy admits our script and no other."""
    source = resources.files("nodecheck.report").joinpath("templates/script.js").read_text("utf-8")
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


@functools.cache
def environment() -> jinja2.Environment:
    """Return the templates, with the filters that all pages have in common."""
    import jinja2

    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("nodecheck.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalize,
    )
    templates.filters |= {
        "number": numbers.number,
        "short": numbers.shorten,
        "paragraph": lambda text: text[: limits.PARAGRAPH],
        "capped": lambda text: text[: limits.TEXT],
        **{name: functools.partial(numbers.shorten, length=length) for name, length in _LENGTHS.items()},
        "bound": numbers.bound,
        "quantity": numbers.quantity,
        "duration": numbers.duration,
        "moment": numbers.moment,
        "plural": phrases.plural,
        "statement": statement,
        "word": status_word,
        "symbol": SYMBOLS.__getitem__,
        "anchor": anchor,
        "linked": _linked,
        "source": source,
        "label_of_id": lambda text: numbers.shorten(text, limits.LONGEST_ID),
        "coded": _coded,
        "quoted": lambda text: shlex.quote(numbers.clean(text)),
        "nested": _nested,
    }
    templates.globals |= {"layer_anchor": layer_anchor, **_MOST}
    return templates


def _finalize(value: Any) -> Any:
    """Return outside text without characters that act on parsers; our own markup stays."""
    return value if isinstance(value, Markup) else numbers.clean(value)


def _coded(text: str) -> Markup:
    """Return outside text with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(numbers.clean(text)))))


def _linked(text: str) -> Markup:
    """Return outside text with its addresses as links."""
    from jinja2.utils import urlize

    return Markup(urlize(numbers.clean(text), rel="noopener"))


def source(name: str) -> Markup:
    """Return a style sheet or a script of ours as it is."""
    return Markup(resources.files("nodecheck.report").joinpath("templates", name).read_text("utf-8"))


def _nested(name: str) -> Markup:
    """Return a style sheet of ours for use inside the rule of one element, which then is the whole page."""
    return Markup(re.sub(r"(?<![\w.#-])(:root|html|body)(?= *\{)", "&", source(name)))
