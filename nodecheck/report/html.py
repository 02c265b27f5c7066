"""A run as one HTML file that needs no network, no server and no JavaScript."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import shlex
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nodecheck.report import limits, numbers
from nodecheck.report.anchors import anchor, layer_anchor
from nodecheck.report.faults import Fault, faults
from nodecheck.report.faults.pictures import Picture, pictures
from nodecheck.report.own_fields import unseen
from nodecheck.report.plots import comparison_section, layer_sections
from nodecheck.report.run_verdict import run_verdict
from nodecheck.report.statuses import SYMBOLS, statement, status_word
from nodecheck.report.summary import Group, groups, identity, scorecard, themes
from nodecheck.report.svg import marker_definitions
from nodecheck.report.words import Word, layer_names, verdict
from nodecheck.results import Result, Run, Status, phrases, to_page_data

if TYPE_CHECKING:
    import jinja2

# Layers.  On a page of more, passed results have one row for each check, and no drawings unless the layer is
# wrong or not verified.
_MOST_LAYERS = 20
# Filters and variables of the templates.
_LENGTHS = {
    "short_theme": limits.THEME,
    "label": limits.LABEL,
    "measurement": limits.MEASUREMENT,
    "title": limits.TITLE,
    "reason": limits.REASON,
}
_MOST = {"most_names": limits.MOST_NAMES, "most_problems": limits.MOST_PROBLEMS}
_SETTLED = (Word.RIGHT, Word.PARTLY_CHECKED, Word.WITHIN_CLAIM, Word.NO_CLAIM, Word.KNOWN_FAULTS)


def prepare() -> None:
    """Import jinja2 and compile the templates, so that the first page takes less time."""
    templates = environment()
    for name in templates.list_templates(extensions=["j2"]):
        templates.get_template(name)


def render(run: Run) -> str:
    """Return the report as one self-contained HTML document; equal runs give equal documents."""
    return _rendered("page.html.j2", run)


def fragment(run: Run) -> str:
    """Return the first part of the report, table and faults, for a page of somebody else: a notebook."""
    return _rendered("fragment.html.j2", run)


def _rendered(template: str, run: Run) -> str:
    layers = layer_names(run)
    in_full = len(layers) <= _MOST_LAYERS
    drawn = {name: _drawn(run, name, in_full=in_full) for name in layers}
    return environment().get_template(template).render(
        run=run,
        unseen=unseen(run),
        verdicts=[verdict(run, name) for name in layers],
        headline=run_verdict(run),
        counts=[(s, run.count(s)) for s in SYMBOLS if run.count(s)],
        themes=themes(run),
        scorecard=scorecard(run, layers),
        cards={card.name: card for card in run.layers},
        identities=[(name, identity(run, name)) for name in layers],
        to_fix=_to_fix(run, layers),
        xpassed=groups(run.results, Status.XPASSED),
        xfailed=groups(run.results, Status.XFAILED),
        inconclusive=groups(run.results, Status.INCONCLUSIVE),
        figures=[*comparison_section(run), *layer_sections(drawn)],
        markers=marker_definitions(),
        in_full=in_full,
        checks=[_checks(run, name, in_full=in_full) for name in layers],
        data=to_page_data(run),
        script_hash=_script_hash(),
    )  # fmt: skip


def _to_fix(run: Run, layers: tuple[str, ...]) -> list[tuple[str, list[tuple[Fault, tuple[Picture, ...]]]]]:
    """Return for each layer that fails its faults, with the pictures that show them."""
    found = [(name, [(fault, pictures(fault)) for fault in faults(run, name)]) for name in layers]
    return [(name, of_layer) for name, of_layer in found if of_layer]


def _drawn(run: Run, name: str, *, in_full: bool) -> tuple[Result, ...]:
    """Return the results of a layer whose curves are drawn."""
    results = run.of_layer(name)
    if in_full or verdict(run, name).word not in _SETTLED:
        return results
    return tuple(r for r in results if r.status is not Status.PASSED)


def _checks(run: Run, name: str, *, in_full: bool) -> tuple[str, list[Group], list[Group], int]:
    """Return a layer's results that did not pass, those that did, and the number of the latter.

    A group is a row of the table: one result, or all that passed of one check.
    """
    rank = list(SYMBOLS)
    results = sorted(run.of_layer(name), key=lambda r: rank.index(r.status))
    passed = [r for r in results if r.status is Status.PASSED]
    others = [Group((r,)) for r in results if r.status is not Status.PASSED]
    rows = [Group((r,)) for r in passed] if in_full else groups(passed, Status.PASSED)
    return name, others, rows, len(passed)


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
        "source": _source,
        "label_of_id": lambda text: numbers.shorten(text, limits.LONGEST_ID),
        "quoted": lambda text: shlex.quote(numbers.clean(text)),
        "nested": _nested,
    }
    templates.globals |= {"layer_anchor": layer_anchor, **_MOST}
    return templates


def _finalize(value: Any) -> Any:
    """Return outside text without characters that act on parsers; our own markup stays."""
    return value if isinstance(value, Markup) else numbers.clean(value)


def _linked(text: str) -> Markup:
    """Return outside text with its addresses as links."""
    from jinja2.utils import urlize

    return Markup(urlize(numbers.clean(text), rel="noopener"))


def _source(name: str) -> Markup:
    """Return a style sheet or a script of ours as it is."""
    return Markup(resources.files("nodecheck.report").joinpath("templates", name).read_text("utf-8"))


def _nested(name: str) -> Markup:
    """Return a style sheet of ours for use inside the rule of one element, which then is the whole page."""
    return Markup(re.sub(r"(?<![\w.#-])(:root|html|body)(?= *\{)", "&", _source(name)))
