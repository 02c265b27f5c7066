"""The colours of the style sheet: text can be read on every ground it stands on, on light and dark paper."""

from __future__ import annotations

import re
from importlib import resources

import pytest

STYLE = (resources.files("nodecheck.report") / "templates" / "style.css").read_text("utf-8")
LEAST = 4.5  # WCAG 2.2, success criterion 1.4.3 (AA): text of usual size
LEAST_OF_GRAPHICS = 3.0  # criterion 1.4.11: parts of a graphic
PAIRS = [
    *((ink, ground) for ink in ("ink", "soft", "ok", "bad", "warn", "info") for ground in ("paper", "card")),
    *((ink, "code") for ink in ("ink", "soft")),
    *((ink, f"{ink}-bg") for ink in ("ok", "bad", "warn", "info")),
    ("ink", "warn-bg"),
    ("ink", "bad-bg"),
]
CURVES = [f"c{k}" for k in range(1, 9)]


def colours(dark: bool) -> dict[str, str]:
    """Return the colours by the names of their variables."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[0]))
    return found | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[1])) if dark else found


def luminance(colour: str) -> float:
    """Return the relative luminance of sRGB, WCAG 2.2."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_has_the_greatest_contrast():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_can_be_read(ink, ground, dark):
    found = colours(dark)
    assert contrast(found[ink], found[ground]) >= LEAST


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("curve", CURVES)
def test_a_curve_can_be_seen(curve, dark):
    found = colours(dark)
    assert contrast(found[curve], found["paper"]) >= LEAST_OF_GRAPHICS
