"""The pictures that show a fault."""

from __future__ import annotations

import re

import pytest
from sample_runs import card, result, run_of

from nodecheck.report.faults import faults
from nodecheck.report.faults.heat_map import strength
from nodecheck.report.faults.number_line import empty_steps, outside
from nodecheck.report.faults.pictures import pictures
from nodecheck.results import Series, at_most

WRONG = (at_most("e", 1.0, 0.0),)
H = (0.2, 0.1, 0.05, 0.025)


def shown(check, *series, claims=None):
    """Return the pictures of the only fault of a layer whose check has these curves."""
    run = run_of([result("m", check, "p", measurements=WRONG, series=series)], [card("m", **(claims or {}))])
    (fault,) = faults(run, "m")
    return pictures(fault, run.layers[0])


def curve(plot, order, slope=4.0, label="∂L/∂W"):
    return Series(
        plot, label, H, tuple(h**order for h in H), "step h", "relative error", log=True, slope=slope
    )


def marks(label, *times):
    return Series("Evaluation times", label, times, (0.0,) * len(times), "t", style="marks")


def cells(label, *values):
    columns = tuple(float(k) for k in range(len(values)))
    return Series("Gradient by entry", label, columns, values, style="cells")


ASKED = marks("steps asked for", 0.0, 0.25, 0.5, 0.75, 1.0)


def test_an_order_that_is_missed_is_shown_against_the_claim():
    (picture,) = shown("gradient-order", curve("Gradient error", 1.0))
    assert [kind for kind, _ in picture.legend] == ["claimed", "wrong"]
    assert picture.legend[0][1] == "claimed, order 4"
    assert 'class="wrong points"' in picture.svg


def test_an_order_that_is_reached_is_no_picture_of_a_fault():
    assert shown("gradient-order", curve("Gradient error", 4.0)) == ()


def test_of_several_curves_the_one_that_misses_most_is_shown():
    (picture,) = shown(
        "gradient-order", curve("Gradient error", 3.0), curve("Gradient error", 0.0, label="∂L/∂b")
    )
    assert "∂L/∂b" in picture.caption


def test_a_step_too_many_is_shown_by_the_times_although_the_order_may_look_right():
    times = marks("forward pass", 0.0, 0.25, 0.5, 0.75, 1.25)
    (picture,) = shown("constant-field", ASKED, times, curve("Forward error", 4.0))
    assert 'class="extra"' in picture.svg


def test_times_that_are_right_are_no_picture_of_a_fault():
    assert shown("constant-field", ASKED, marks("forward pass", 0.0, 0.25, 0.5, 0.75)) == ()


def test_times_outside_of_the_interval_are_found_in_both_directions():
    backwards = marks("steps asked for", 1.0, 0.5, 0.0)
    assert outside(backwards, marks("forward pass", 1.0, 0.5, -0.5)) == [-0.5]


def test_a_step_in_which_only_the_neighbours_evaluate_is_empty():
    inside = marks("backward pass", 0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75)
    assert empty_steps(ASKED, inside) == [(0.75, 1.0)]


def test_a_method_that_evaluates_at_the_ends_of_steps_leaves_none_out():
    assert empty_steps(ASKED, marks("forward pass", 0.0, 0.25, 0.5, 0.75)) == []


def test_wrong_entries_are_shown_tensor_by_tensor():
    (picture,) = shown("gradient-order", cells("∂L/∂W", 0.0, 0.9), cells("∂L/∂b", 0.0))
    assert len(re.findall("<rect", picture.svg)) == 3


def test_entries_that_are_hardly_wrong_are_no_picture():
    assert shown("gradient-order", cells("∂L/∂W", 1e-4)) == ()


def test_of_a_wrong_forward_pass_no_entries_of_gradients_are_shown():
    assert shown("constant-field", cells("∂L/∂W", 0.9)) == ()


@pytest.mark.parametrize(("error", "share"), [(0.0, 0.06), (1.0, 1.0), (50.0, 1.0), (float("nan"), 1.0)])
def test_the_red_of_an_entry_grows_with_its_error(error, share):
    assert strength(error) == pytest.approx(share)


@pytest.mark.parametrize(("law", "last"), [("constant", 100.0), ("linear", 1600.0), ("sqrt", 400.0)])
def test_memory_is_shown_beside_the_claimed_law(law, last):
    grown = Series("Memory", "peak", (1.0, 4.0, 16.0), (100.0, 400.0, 1600.0), "steps", "bytes", log=True)
    (picture,) = shown("memory-law", grown, claims={"memory": law})
    assert f"claimed, {law} from 100 to {last:.0f}" in picture.svg


def test_a_fault_has_two_pictures_at_most():
    found = shown(
        "gradient-order", ASKED, marks("forward pass", 2.0), curve("Gradient error", 0.0), cells("∂L/∂W", 1.0)
    )
    assert len(found) == 2


def test_the_layer_is_red_and_the_exact_curve_grey_at_output_times():
    exact = Series("States at outputs", "exact", (0.0, 1.0), (0.0, 1.0), "t", "y", "line")
    layers = Series("States at outputs", "m, 8 steps", (0.0, 1.0), (0.0, 2.0), "t", "y")
    (picture,) = shown("output-states", exact, layers)
    assert picture.legend == (("claimed", "exact"), ("wrong", "m, 8 steps"))
