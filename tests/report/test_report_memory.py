"""The picture of the memory of all layers, and the table beneath."""

from __future__ import annotations

import pytest

from nodecheck.report.html import render
from nodecheck.report.memory_figure import memory_figures
from nodecheck.report.slopes import slope_text
from nodecheck.results import LayerCard, Outcome, Result, Run, Series, at_most

STEPS = (4.0, 16.0, 64.0)
LABELS = ("saved by autograd", "between the passes", "peak of forward", "peak of backward")


def curves(per_step, plot="Memory", unit="steps"):
    return tuple(
        Series(plot, label, STEPS, tuple(4096.0 + per_step * n for n in STEPS), unit, "bytes", log=True)
        for label in LABELS
    )


def result(name, law="O(1): 1 states at the peak", series=None, **facts):
    return Result(
        name,
        "memory-law",
        "",
        Outcome.MEASURED,
        "Memory grows by no more than the claimed law",
        theme="Memory",
        measurements=(at_most("growth laws that fit", 1, 1),),
        series=curves(0.0) if series is None else series,
        facts={"memory law": law, **facts},
    )


def run(*results):
    names = dict.fromkeys(r.layer for r in results)
    return Run(results, tuple(LayerCard(name, "target", "n_steps") for name in names))


TWO = run(result("flat"), result("steep", "O(n): 2 states per step at the peak", curves(8192.0)))
MANY = run(*(result(f"layer-{k}") for k in range(12)), *TWO.results)


def panels(of):
    return memory_figures(of)[0].panels


def test_forward_and_backward_stand_side_by_side():
    assert [p.title for p in panels(TWO)] == ["Peak of forward, CPU", "Peak of backward, CPU"]


def test_a_few_layers_are_named_with_their_law():
    assert panels(TWO)[0].labels == ("flat, O(1)", "steep, O(n)")


def test_many_layers_are_coloured_by_their_law():
    assert panels(MANY)[0].labels == ("O(1): 13 layers", "O(n): 1 layer")


def test_every_layer_has_its_curve():
    assert len(panels(MANY)[0].series) == 14


def test_every_layer_has_its_row_in_the_table():
    assert [row[0] for row in panels(MANY)[-1].rows] == [card.name for card in MANY.layers]


def test_the_row_tells_law_and_kibibytes_at_the_end_of_the_ladder():
    assert panels(TWO)[-1].rows[1] == ("steep", "O(n)", "64 steps", "516", "516", "516", "516")


def test_a_lone_layer_has_nothing_to_be_compared_with():
    assert memory_figures(run(result("flat"))) == []


def test_what_was_not_measured_is_said():
    missing = run(result("flat", CUDA="not measured here"), result("also", CUDA="not measured here"))
    assert memory_figures(missing)[0].note.endswith("CUDA: not measured here.")


def test_nothing_is_said_about_cuda_where_the_run_says_nothing():
    assert "CUDA" not in memory_figures(TWO)[0].note


def test_cuda_stands_beside_the_cpu_where_it_was_measured():
    both = curves(0.0) + curves(1.0, "Memory on CUDA")
    facts = {"memory law on cuda": "O(n): 1 state per step at the peak"}
    found = panels(run(result("a", series=both, **facts), result("b", series=both, **facts)))
    assert [p.title.split(", ")[1] for p in found] == ["CPU", "CPU", "CUDA", "CUDA"]
    assert found[-1].labels == ("a, O(n)", "b, O(n)")


def test_a_layer_without_a_law_is_undecided():
    undecided = result("vague", "no law")
    assert panels(run(result("flat"), undecided))[0].labels == ("flat, O(1)", "vague, undecided")


def test_steps_and_evaluations_share_an_axis_that_says_so():
    adaptive = result("adaptive", series=curves(0.0, unit="evaluations"))
    assert panels(run(result("flat"), adaptive))[0].axes[0] == "steps; evaluations where adaptive"


def test_bytes_have_a_law_and_no_slope():
    assert slope_text(curves(8192.0)[0]) == ""


@pytest.mark.parametrize(
    "text", ["Memory of all layers", "Peak of backward, CPU", "At the end of the ladder"]
)
def test_the_page_shows_picture_and_table(text):
    assert text in render(TWO)


def test_the_table_is_open():
    assert '<details class="numbers" open>' in render(TWO)


@pytest.mark.parametrize(("slope", "text"), [(-1e-4, "slope 0.00"), (-1.0, "slope −1.00")])
def test_a_slope_that_rounds_to_zero_has_no_sign_and_another_has_a_minus(slope, text):
    h = (0.125, 0.25, 0.5, 1.0)
    falling = Series("Gradient error", "y0", h, tuple(x**slope for x in h), "h", "relative error", log=True)
    assert slope_text(falling) == text
