"""The steps of a layer, and the times told to the field, are read off the times of its calls."""

from __future__ import annotations

import pytest
from wrong_layers import adams_bashforth, euler, layer, marching, midpoint_step, rk4, rk4_step

from nodecheck.diagnosis.forward.grid import explain_grid, explain_step_times, grid_of
from nodecheck.layers import LayerUnderTest
from nodecheck.numerics.constants import ORDINARY_STEPS
from nodecheck.options.profile import SMOKE
from nodecheck.problems import constant, neural

HALF_STEPS_LATER = layer(marching(lambda f, t, h, y: y + h * f(t + h / 2, y)), order=1)


def telling(clock):
    """Return RK4 that tells the field clock(t) in place of t."""
    return layer(
        lambda dynamics, t0, t1, n_steps: marching(rk4_step)(
            lambda t, y: dynamics(clock(t), y), t0, t1, n_steps
        )
    )


def told(wrong):
    return explain_step_times(LayerUnderTest(wrong, SMOKE), neural, ORDINARY_STEPS)


@pytest.mark.parametrize(
    ("clock", "cause"),
    [
        (lambda t: 0.1 + 0.9 * t, "the field is told 0.1 + 0.9 t for the time t at which a step begins"),
        (lambda t: t + 0.2, "the field is told 0.2 + 1 t for the time t at which a step begins"),
        (
            lambda t: t - 0.2 * (t - 0.3) * (1.7 - t),
            "the field is told t = 0.902 where a step begins at t = 1",
        ),
    ],
)
def test_times_that_are_told_wrongly_are_named_beside_the_right_ones(clock, cause):
    assert told(telling(clock)) == cause


@pytest.mark.parametrize("right", [rk4(), euler(), layer(marching(midpoint_step), order=2), HALF_STEPS_LATER])
def test_right_times_of_stages_within_their_steps_are_not_called_wrong(right):
    assert told(right) == ""


def test_the_steps_of_a_multistep_method_are_seen_in_its_calls():
    grid = grid_of(LayerUnderTest(layer(adams_bashforth, order=2), SMOKE), constant, ORDINARY_STEPS)
    assert grid.steps_of_interval == len(grid.starts) == ORDINARY_STEPS


@pytest.mark.parametrize(("extra", "word"), [(1, "many, 17 steps"), (-1, "few, 15 steps")])
def test_one_step_too_many_or_too_few_is_counted(extra, word):
    grid = grid_of(LayerUnderTest(layer(marching(rk4_step, extra=extra)), SMOKE), constant, ORDINARY_STEPS)
    text = explain_grid(grid, constant.duration * (1 + extra / ORDINARY_STEPS))
    assert f"one step too {word} of (t1 - t0)/16" in text


def test_a_step_too_many_that_takes_no_time_explains_nothing():
    grid = grid_of(LayerUnderTest(layer(marching(rk4_step, extra=1)), SMOKE), constant, ORDINARY_STEPS)
    assert explain_grid(grid, constant.duration) == ""
