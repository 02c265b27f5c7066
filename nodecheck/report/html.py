"""A run as one HTML file that needs no network, no server and no JavaScript."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from nodecheck.report import numbers, words
from nodecheck.report.anchors import anchor, layer_anchor
from nodecheck.report.plots import comparison_section, layer_sections
from nodecheck.report.svg import marker_definitions
from nodecheck.report.summary import Group, groups, identity, scorecard, themes
from nodecheck.results import Result, Run, Status, to_json

_MOST_DRAWN = 20  # layers; a page of more would take long to draw and to open
_MOST_OPEN = 3  # failed checks of a layer that are told in full at once: what comes later tends to follow


def render(run: Run) -> str:
    """Return the report as one self-contained HTML document; equal runs give equal documents."""
    layers = words.layer_names(run)
    drawn = _drawn(run, layers)
    return _environment().get_template("page.html.j2").render(
        run=run,
        verdicts=[words.verdict(run, name) for name in layers],
        headline=words.run_verdict(run),
        counts=[(s, run.count(s)) for s in words.SYMBOLS if run.count(s)],
        themes=themes(run),
        scorecard=scorecard(run, layers),
        cards={card.name: card for card in run.layers},
        identities=[(name, identity(run, name)) for name in layers],
        to_fix=_to_fix(run, layers),
        xpassed=groups(run.results, Status.XPASSED),
        xfailed=groups(run.results, Status.XFAILED),
        inconclusive=groups(run.results, Status.INCONCLUSIVE),
        figures=[*comparison_section(run), *layer_sections(run, drawn)],
        markers=marker_definitions(),
        undrawn=len(layers) - len(drawn),
        checks=[(name, *_open_and_passed(run, name)) for name in layers],
        data=embedded(run),
        script_hash=_script_hash(),
    )  # fmt: skip


def _to_fix(run: Run, layers: tuple[str, ...]) -> list[tuple[str, list[Group], list[Group]]]:
    """Return for each layer that fails the checks told in full, and those that are folded away."""
    found = [(name, groups(run.of_layer(name), *words.WRONG)) for name in layers]
    return [(name, all_[:_MOST_OPEN], all_[_MOST_OPEN:]) for name, all_ in found if all_]


def _drawn(run: Run, layers: tuple[str, ...]) -> tuple[str, ...]:
    """Return the layers whose own curves are drawn: of many, those about which there is more to say."""
    if len(layers) <= _MOST_DRAWN:
        return layers
    settled = (words.Word.RIGHT, words.Word.PARTIAL, words.Word.WITHIN)
    return tuple(name for name in layers if words.verdict(run, name).word not in settled)


def _open_and_passed(run: Run, name: str) -> tuple[list[Result], list[Result]]:
    results = run.of_layer(name)
    rank = list(words.SYMBOLS)
    others = [r for r in results if r.status is not Status.PASSED]
    return sorted(others, key=lambda r: rank.index(r.status)), [
        r for r in results if r.status is Status.PASSED
    ]


def embedded(run: Run) -> Markup:
    """Return the run as JSON that no HTML parser can mistake for markup, its curves to seven digits."""
    record = json.loads(to_json(run))
    for series in (s for r in record["results"] for s in r["series"]):
        for axis in ("x", "y"):  # curves are half of a run, and nobody reads their last ten digits here
            series[axis] = [float(f"{v:.6e}") if isinstance(v, float) else v for v in series[axis]]
    text = json.dumps(record, separators=(",", ":"))  # ASCII: U+2028 and U+2029 are escaped
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _script_hash() -> str:
    """Return what a content security policy allows by: our script and no other, whatever a name contains."""
    source = resources.files("nodecheck.report").joinpath("templates/script.js").read_text("utf-8")
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nodecheck.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalize,
    )
    environment.filters |= {
        "number": numbers.number,
        "short": numbers.shorten,
        "bound": numbers.bound,
        "quantity": numbers.quantity,
        "duration": numbers.duration,
        "moment": numbers.moment,
        "plural": numbers.plural,
        "statement": words.statement,
        "word": words.status_word,
        "symbol": words.SYMBOLS.__getitem__,
        "anchor": anchor,
        "linked": _linked,
        "source": _source,
    }
    environment.globals["layer_anchor"] = layer_anchor
    return environment


def _finalize(value: Any) -> Any:
    """Make outside text harmless to parsers and editors; markup is our own and stays."""
    return value if isinstance(value, Markup) else numbers.clean(value)


def _linked(text: str) -> Markup:
    """Return outside text with its addresses as links."""
    return Markup(jinja2.utils.urlize(numbers.clean(text), rel="noopener"))


def _source(name: str) -> Markup:
    """Return a style sheet or a script of ours as it is."""
    return Markup(resources.files("nodecheck.report").joinpath("templates", name).read_text("utf-8"))
