"""Drawings of panels: positions, classes and text of the SVG."""

from __future__ import annotations

import math
import re

import pytest
from bs4 import BeautifulSoup

from nodecheck.report import svg
from nodecheck.report.drawing import draw
from nodecheck.report.panels import Panel
from nodecheck.report.plots import GLYPHS
from nodecheck.report.scales import linear_scale, log_scale
from nodecheck.report.slopes import slope_triangle
from nodecheck.results import Series

STEPS = (0.1, 0.05, 0.025)
WIDTH, HEIGHT = 250.0, 200.0


def errors(label="y0", order=2.0, **options):
    y = tuple(h**order for h in STEPS)
    return Series("Forward error", label, STEPS, y, "step h", "relative error", log=True, **options)


def drawn(*series, **options):
    panel = Panel("Forward error", "rotation", "mine", series, **options)
    return BeautifulSoup(draw(panel, width=WIDTH, height=HEIGHT), "html.parser")


def corners(path):
    """Return the absolute positions of a path of one stroke."""
    start, steps = re.fullmatch(r"M(.*)l(.*)", path["d"]).groups()
    numbers = [[float(v) for v in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", part)] for part in (start, steps)]
    places = [tuple(numbers[0])]
    for dx, dy in zip(numbers[1][::2], numbers[1][1::2], strict=True):
        places.append((places[-1][0] + dx, places[-1][1] + dy))
    return places


def test_a_curve_of_the_order_is_a_straight_line_on_logarithmic_axes():
    (x0, y0), (x1, y1), (x2, y2) = corners(drawn(errors()).select_one(".c1"))
    assert x0 - x1 == pytest.approx(x1 - x2, abs=0.15)  # positions are rounded to a tenth
    assert y1 - y0 == pytest.approx(y2 - y1, abs=0.15)


def test_smaller_errors_are_drawn_lower():
    (_, first), _, (_, last) = corners(drawn(errors()).select_one(".c1"))
    assert last > first


def test_every_position_is_inside_the_drawing():
    page = drawn(errors(), errors("theta", 4.0, slope=4.0))
    for path in page.select(".points, .slope"):
        assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in corners(path))


def test_a_path_has_at_most_one_decimal():
    data = "".join(path["d"] for path in drawn(errors()).select("path"))
    assert not re.search(r"\.\d\d", data)


def test_the_numbers_of_the_axes_are_text():
    texts = [t.get_text() for t in drawn(errors()).select("text")]
    assert texts == ["10⁻³", "10⁻²", "0.1", "0.05", "0.025", "step h", "relative error"]


def test_the_triangle_tells_the_slope_that_is_asked_for():
    page = drawn(errors(slope=2.0))
    assert page.select_one(".slope")
    assert "2" in [t.get_text() for t in page.select("text")]


def test_the_triangle_is_parallel_to_a_curve_of_that_slope():
    page = drawn(errors(slope=2.0))
    (x0, y0), *_, (x1, y1) = corners(page.select_one(".c1"))
    foot, _, top, _ = corners(page.select_one(".slope"))
    assert (top[1] - foot[1]) / (top[0] - foot[0]) == pytest.approx((y1 - y0) / (x1 - x0), rel=0.02)


def test_without_a_slope_there_is_no_triangle():
    assert drawn(errors()).select(".slope") == []


@pytest.mark.parametrize("slope", [math.nan, math.inf, 0.0, 1e6])
def test_a_slope_that_cannot_be_shown_has_no_triangle(slope):
    points = [(h, h) for h in STEPS]
    assert slope_triangle([errors(slope=slope)], points) is None


def test_each_label_has_its_own_colour():
    page = drawn(*(errors(f"group {k}", 1.0 + k) for k in range(svg.COLOURS)))
    classes = {next(c for c in path["class"] if c.startswith("c")) for path in page.select(".points")}
    assert len(classes) == svg.COLOURS


def test_after_the_last_colour_a_curve_is_dashed():
    page = drawn(*(errors(f"group {k}", 1.0 + k) for k in range(svg.COLOURS + 1)))
    assert [path["class"][0] for path in page.select(".dash2")] == ["c1"]


def test_a_curve_below_another_is_wider():
    classes = [path["class"] for path in drawn(errors("a"), errors("b")).select(".points")]
    assert ["w1" in c for c in classes] == [True, False]


def test_a_long_curve_has_no_markers():
    t = tuple(k / 100 for k in range(1, 101))
    assert drawn(Series("State", "layer", t, t)).select(".points") == []


def test_a_gap_in_a_curve_is_not_bridged():
    curve = Series("State", "layer", (0.0, 1.0, 2.0, 3.0), (0.0, 1.0, math.nan, 3.0))
    assert drawn(curve).select_one(".c1")["d"].count("M") == 2


def test_a_long_number_beside_the_axis_is_not_cut():
    narrow, wide = (
        drawn(Series("State", "layer", (0.0, 1.0), (0.0, top))).select_one(".axis") for top in (1.0, -1e-7)
    )
    assert corners_x(wide) > corners_x(narrow)


def corners_x(path):
    return float(re.match(r"M([\d.]+)", path["d"])[1])


def test_there_is_a_marker_and_a_glyph_for_each_colour():
    assert len(svg.MARKERS) == len(GLYPHS) == svg.COLOURS


def test_a_text_from_outside_stays_text():
    assert "<b>" not in svg.label("<b>", 0, 0)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ((0.0, 1.0), ("0", "0.25", "0.5", "0.75", "1")),
        ((-3.0, 5.0), ("−2", "0", "2", "4")),
        ((), ("0", "0.25", "0.5", "0.75", "1")),
    ],
)
def test_a_linear_axis_has_round_numbers(values, labels):
    assert linear_scale(values).labels == labels


def test_a_logarithmic_axis_has_powers_of_ten():
    assert log_scale((1e-8, 1e-2)).labels == ("10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²")


@pytest.mark.parametrize("scale", [linear_scale((2.0, 8.0)), log_scale((2.0, 800.0))], ids=["linear", "log"])
def test_the_limits_of_an_axis_are_at_its_ends(scale):
    assert [scale.share(v) for v in scale.limits] == pytest.approx([0.0, 1.0])
