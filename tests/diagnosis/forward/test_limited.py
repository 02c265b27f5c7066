"""What is limited is told from what is not, with its bounds: by growth from numbers of all sizes."""

from __future__ import annotations

import pytest
import torch
from wrong_layers import adams_bashforth, adaptive, euler, layer, marching, rk4, rk4_step

from nodecheck.checks import CHECKS
from nodecheck.diagnosis.forward.limited import explain_limits_of_state
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.options.profile import CI
from nodecheck.problems import neural


def stages(low, high):
    """Return a step of RK4 that limits the state at all stages."""
    return lambda f, t, h, y: rk4_step(lambda s, x: f(s, x.clamp(low, high)), t, h, y)


def last_stage(f, t, h, y):
    """Return a step of RK4 that limits the state at its last stage."""
    k1 = f(t, y)
    k2 = f(t + h / 2, y + h / 2 * k1)
    k3 = f(t + h / 2, y + h / 2 * k2)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + f(t + h, (y + h * k3).clamp(-2, 2)))


def field(f, t, h, y):
    return rk4_step(lambda s, x: f(s, x).clamp(-2, 2), t, h, y)


def state(f, t, h, y):
    return rk4_step(f, t, h, y).clamp(-2, 3)


def positive(f, t, h, y):
    return rk4_step(f, t, h, y).clamp(min=0)


def increment(f, t, h, y):
    return y + (rk4_step(f, t, h, y) - y).clamp(-0.25, 0.25)


def smooth(f, t, h, y):
    return rk4_step(lambda s, x: 5 * torch.tanh(f(s, x) / 5), t, h, y)


def adaptive_stages(dynamics, t0, t1, tol):
    return adaptive().build(lambda t, y: dynamics(t, y.clamp(-6, 6)), t0, t1, tol)


def explain(wrong):
    return explain_limits_of_state(LayerUnderTest(wrong, CI))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (stages(-2, 2), "The state at the stages is limited to [-2, 2]"),
        (stages(-1000, 1000), "The state at the stages is limited to [-1e+03, 1e+03]"),
        (last_stage, "The state at stages of weight 0.17 is limited to [-2, 2]"),
        (field, "The value of the field is limited to [-2, 2]"),
        (state, "The state is limited to [-2, 3]"),
        (positive, "The state is limited to 0 at least"),
        (increment, "What a step adds to the state is limited to [-0.25, 0.25]"),
    ],
)
def test_what_is_limited_is_named_with_its_bounds(step, words):
    assert explain(layer(marching(step))).startswith(words)


def test_the_bounds_of_an_adaptive_layer_are_named():
    wrong = TorchLayer("limited", adaptive_stages, adjoint="discrete")
    assert explain(wrong).startswith("The state at the stages is limited to [-6, 6]")


@pytest.mark.parametrize(
    "right",
    [rk4(), euler(), adaptive(), layer(adams_bashforth, 2)],
    ids=["rk4", "euler", "adaptive", "adams"],
)
def test_no_limit_is_seen_in_a_right_layer(right):
    assert explain(right) == ""


@pytest.mark.parametrize(
    "wrong", [marching(smooth), marching(rk4_step, extra=1)], ids=["smooth", "one step too many"]
)
def test_no_limit_is_seen_where_there_is_no_bound(wrong):
    assert explain(layer(wrong)) == ""


@pytest.mark.parametrize(
    ("check_id", "problem"), [("forward-order", neural), ("solve-ivp-agreement", neural)]
)
def test_a_check_names_the_bound_that_it_meets(check_id, problem):
    check = next(check for check in CHECKS if check.id == check_id)
    evidence = check.measure(LayerUnderTest(layer(marching(stages(-2, 2))), CI), problem)
    assert "The state at the stages is limited to [-2, 2]" in evidence.diagnosis


def test_a_bound_that_only_large_states_meet_is_named():
    check = next(check for check in CHECKS if check.id == "other-units")
    evidence = check.measure(LayerUnderTest(layer(marching(stages(-100, 100))), CI), None)
    assert "The state at the stages is limited to [-100, 100]" in evidence.diagnosis
