"""From what matplotlib writes to what a page can contain: small, themable, with ids of its own."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

# Colours that a figure is drawn with, each standing for a custom property of the page's style sheet: the
# same drawing reads on light and dark paper.  No two may be equal, and none is a colour anyone would pick.
CURVES = tuple(f"#0000{k:02x}" for k in range(1, 9))
INK, FAINT, GRID, PAPER = "#000101", "#000102", "#000103", "#000104"
_VARIABLES = {colour: f"var(--c{k})" for k, colour in enumerate(CURVES, 1)} | {
    INK: "var(--soft)",
    FAINT: "var(--faint)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
}
_DROPPED = (
    re.compile(r"^.*?(?=<svg)", re.DOTALL),  # XML declaration and document type
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"<metadata>.*?</metadata>", re.DOTALL),
    re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL),  # it would style the whole page
    re.compile(r' id="[\w.]+_\d+"'),  # figure_1, axes_1: repeated in every figure, referred to by none
    re.compile(r' transform="rotate\(-?0 [^"]*\)"'),
    re.compile(r"font-size: [\d.]+px; font-family: [^;\"]*;? ?|font: [\d.]+px [^;\"]*;? ?"),  # the page's own
    re.compile(r"stroke-linejoin: \w+;? ?"),
)
_COLOUR = re.compile(r"#0000[0-9a-f]{2}|#00010[1-4]")
# Styles that recur by the hundred, as classes of the page's style sheet.
_CLASSES = (
    (re.compile(r' style="fill:var\(--c(\d)\);stroke:var\(--paper\);stroke-width:0.8"'), r' class="m\1"'),
    (re.compile(r' style="fill:var\(--faint\);stroke:var\(--faint\);stroke-width:0.8"'), ' class="t"'),
    (re.compile(r' clip-path="[^"]*" style="fill:none;stroke:var\(--grid\)[^"]*"'), ' class="g"'),
    (re.compile(r' style="text-anchor:(\w+);fill:var\(--soft\)"'), r' text-anchor="\1"'),
    (re.compile(r"<g/>"), ""),
)
_TAG = re.compile(r"<[^>]*>")
_DECIMALS = re.compile(r"-?\d+\.\d{2,}")


def compact(text: str) -> str:
    """Return matplotlib's file as an element, without what a page does not need."""
    for pattern in _DROPPED:
        text = pattern.sub("", text)
    text = _COLOUR.sub(lambda m: _VARIABLES.get(m[0], m[0]), text)
    text = _TAG.sub(lambda tag: _DECIMALS.sub(_tenth, tag[0]), text)
    text = text.replace("xlink:href", "href").replace(' style=""', "")
    text = re.sub(r"\s*\n\s*", " ", text)
    text = re.sub(r"; (?=[\w-]+:)", ";", re.sub(r"(?<=[\w-]): ", ":", text))
    text = re.sub(r" ?([MLCz]) ", r"\1", text)
    text = re.sub(r"> <", "><", text)
    for pattern, short in _CLASSES:
        text = pattern.sub(short, text)
    for _ in range(3):  # groups without attributes do nothing
        text = re.sub(r"<g>((?:(?!</?g[ >]).)*)</g>", r"\1", text)
    return text.strip()


def _tenth(match: re.Match[str]) -> str:
    """Return a coordinate to a tenth of a pixel."""
    return f"{float(match[0]):.1f}".removesuffix(".0")


def element(text: str, key: str, *, title: str, desc: str, labels: Markup) -> Markup:
    """Return an accessible inline SVG: title and description first, our own labels last."""
    body = compact(text)
    inner = body[body.index(">") + 1 : body.rindex("</svg>")]
    box = re.search(r'viewBox="([^"]*)"', body)
    head = Markup(
        '<svg viewBox="{}" role="img" aria-labelledby="{}-t {}-d"><title id="{}-t">{}</title>'
        '<desc id="{}-d">{}</desc>'
    ).format(box[1] if box else "0 0 1 1", key, key, key, title, key, desc)
    return head + Markup(inner) + labels + Markup("</svg>")


def label(text: str, x: float, y: float, anchor: str) -> Markup:
    """Return a text that matplotlib has not laid out: outside text may hold glyphs its font lacks."""
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
        f"{x:.0f}", f"{y:.0f}", anchor, escape(text)
    )
