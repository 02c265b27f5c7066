"""Where nothing can be decided a check says so, and why."""

# ruff: noqa: ARG005

from __future__ import annotations

import dataclasses

import pytest
import torch
from wrong_layers import (
    adams_bashforth,
    after,
    fixed,
    layer,
    marching,
    pulling_back,
    rk4,
    rk4_step,
    with_field,
)

from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.options.profile import SMOKE
from nodecheck.problems import constant, cubic
from nodecheck.results import Inconclusive, Skip, Unsupported

BY_ID = {check.id: check for check in CHECKS}


IN_REVERSE = "forward-order:neural_reversed"
GRADIENT_IN_REVERSE = "gradient-order:neural_reversed_quarter"


def measure(name, claims, problem=None):
    """Return the evidence of a check on a problem: given, named after a colon, or the first one."""
    check, _, wanted = name.partition(":")
    problems = (*BY_ID[check].problems, *(p for _, p in BY_ID[check].more))
    of_name = [p for p in problems if p.name == wanted] if wanted else problems
    return BY_ID[check].measure(LayerUnderTest(claims, SMOKE), problem or next(iter(of_name), None))


@pytest.mark.parametrize("name", ["forward-order", "solve-ivp-agreement", "gradient-order", IN_REVERSE])
def test_a_layer_whose_resolution_cannot_be_changed_is_not_judged_by_its_order(name):
    with pytest.raises(Inconclusive, match="the resolution cannot be changed: n_steps=8 and n_steps=16"):
        measure(name, layer(fixed, order=None, adjoint=None))


def test_the_gradient_of_such_a_layer_is_still_compared_with_its_own_forward_pass():
    evidence = measure("gradient-class", layer(fixed, order=None, adjoint=None))
    assert all(m.holds for m in evidence.measurements)
    assert evidence.facts["gradient class"] == "discretely consistent"


def test_a_gradient_of_such_a_layer_that_is_of_another_class_is_not_judged_without_a_claim():
    def build(dynamics, t0, t1, n_steps):
        solve = fixed(dynamics, t0, t1, n_steps)
        return lambda y: 1.5 * (y1 := solve(y)) - 0.5 * y1.detach()

    with pytest.raises(Inconclusive, match="the resolution cannot be changed"):
        measure("gradient-class", layer(build, order=None, adjoint=None))


def not_converging(**claims):
    """A field that is ten per cent off: the error is a plateau from the first level on."""
    return dataclasses.replace(with_field(lambda f: lambda t, y: 1.1 * f(t, y)), order=None, **claims)


@pytest.mark.parametrize("name", ["gradient-order", "gradient-class", "polynomial-field"])
def test_without_a_claimed_order_and_without_a_measured_one_there_is_nothing_to_hold_a_layer_to(name):
    with pytest.raises(Inconclusive, match="no order is claimed and none can be measured"):
        measure(name, not_converging())


def test_a_layer_that_does_not_converge_fails_although_no_order_is_claimed():
    evidence = measure("forward-order", not_converging())
    assert [m.holds for m in evidence.measurements] == [False, True]
    assert "The error stops shrinking" in evidence.diagnosis


def test_an_order_that_is_not_claimed_is_measured():
    evidence = measure("forward-order", rk4(order=None))
    assert evidence.facts["order"].startswith(("3.9", "4.0", "4.1"))


def test_multistep_methods_are_not_asked_for_the_powers_of_t():
    with pytest.raises(Skip, match="not a one-step method: 1 evaluations a step at order 2"):
        measure("polynomial-field", layer(adams_bashforth, order=2))


def test_euler_has_one_evaluation_a_step_and_is_asked_for_the_powers_of_t():
    euler = layer(marching(lambda f, t, h, y: y + h * f(t, y)), order=1)
    assert [m.name for m in measure("polynomial-field", euler).measurements] == ["error of y1 for t^0"]


def test_a_layer_that_never_calls_the_dynamics_has_no_times():
    with pytest.raises(Inconclusive, match="never called the dynamics"):
        measure("evaluation-times", layer(lambda dynamics, t0, t1, n_steps: lambda y: y * 1))


def refuses(condition):
    def build(dynamics, t0, t1, n_steps):
        def solve(y):
            if condition(t0, t1, y):
                msg = "not with me"
                raise ValueError(msg)
            return marching(rk4_step)(dynamics, t0, t1, n_steps)(y)

        return solve

    return layer(build)


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        (IN_REVERSE, lambda t0, t1, y: t1 < t0),
        (GRADIENT_IN_REVERSE, lambda t0, t1, y: t1 < t0),
        ("float32-state", lambda t0, t1, y: y.dtype == torch.float32),
    ],
    ids=["reverse time", "gradient in reverse time", "float32"],
)
def test_a_clear_refusal_of_what_was_never_promised_is_unsupported(name, condition):
    with pytest.raises(Unsupported, match="ValueError: not with me"):
        measure(name, refuses(condition))


def test_a_backward_pass_that_runs_away_where_time_runs_backwards_is_stopped():
    class Hurried(torch.autograd.Function):
        """Identity, whose backward pass iterates for ever where time runs backwards."""

        @staticmethod
        def forward(ctx, y, dynamics, t0, t1):
            ctx.again = lambda: dynamics(t1, y)
            ctx.forever = t1 < t0
            return y.clone()

        @staticmethod
        def backward(ctx, gradient):
            while ctx.forever:
                ctx.again()
            return gradient, None, None, None

    def build(dynamics, t0, t1, n_steps):
        solve = marching(rk4_step)(dynamics, t0, t1, n_steps)
        return lambda y: Hurried.apply(solve(y), dynamics, t0, t1)

    with pytest.raises(Unsupported, match=r"stopped after \d+ evaluations of the field, 20 times"):
        measure(GRADIENT_IN_REVERSE, layer(build))


def test_a_taylor_rate_of_a_layer_without_a_claim_is_a_fact():
    evidence = measure("gradient-class", rk4(adjoint=None))
    assert float(evidence.facts["Taylor rate"]) == pytest.approx(2, abs=0.1)
    assert not [m for m in evidence.measurements if "Taylor" in m.name]


def test_there_is_no_backprop_of_ours_for_a_method_that_is_none_of_ours():
    with pytest.raises(Skip, match="none of our explicit Runge-Kutta methods"):
        measure("backprop-agreement", layer(adams_bashforth, order=2))


def test_a_problem_that_is_not_asymptotic_decides_nothing_about_the_order():
    with pytest.raises(
        Inconclusive, match=r"cubic.* decides nothing on this ladder: our own solver of order 4"
    ):
        measure("forward-order", rk4(), cubic(20.0))


@pytest.mark.parametrize("name", ["gradient-order", "gradient-class", "finite-differences"])
def test_a_problem_on_which_a_check_cannot_fail_decides_nothing(name):
    with pytest.raises(Inconclusive, match="constant cannot decide this: it is not"):
        measure(name, rk4(), constant)


def test_a_right_gradient_of_a_forward_pass_that_does_not_converge_is_not_called_wrong():
    wrong = with_field(lambda f: lambda t, y: 1.01 * f(t, y))
    with pytest.raises(Inconclusive, match="the forward pass decides, not the gradient"):
        measure("gradient-order", wrong)


def test_a_wrong_gradient_of_such_a_forward_pass_is_called_wrong():
    build = with_field(lambda f: lambda t, y: 1.01 * f(t, y)).build
    wrong = TorchLayer(
        "both",
        lambda dynamics, t0, t1, n_steps: (
            lambda y: 1.5 * (y1 := build(dynamics, t0, t1, n_steps)(y)) - 0.5 * y1.detach()
        ),
        order=4,
        adjoint="discrete",
    )
    evidence = measure("gradient-order", wrong)
    assert any(not m.holds for m in evidence.measurements)


def test_what_a_layer_raises_is_left_to_the_runner():
    def raises(y0, y1):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measure("constant-field", after(raises))


def test_what_a_backward_pass_raises_is_left_to_the_runner():
    def raises(cotangent):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measure("cotangent-linearity", pulling_back(raises))
