"""A wrong forward pass is explained by evidence: its times, its numbers, other numbers of steps."""

from __future__ import annotations

import functools

import pytest
import torch
from wrong_layers import after, euler_step, layer, marching, pulling_back, rk4, rk4_step

from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import CI

MUTANT = {mutant.name: mutant.layer for mutant in MUTANTS}


@functools.lru_cache
def diagnosis(check_id, wrong, problem=0):
    """Return what a failing check says of a layer."""
    check = next(check for check in CHECKS if check.id == check_id)
    problems = check.problems or (None,)
    evidence = check.measure(LayerUnderTest(wrong, CI), problems[problem])
    assert any(not m.holds for m in evidence.measurements)
    return evidence.diagnosis


def stepping(step):
    """Return a layer of order four whose step is given the number of steps besides."""

    def build(dynamics, t0, t1, n_steps):
        return marching(functools.partial(step, n_steps))(dynamics, t0, t1, n_steps)

    return layer(build, order=4)


def by_euler_if(condition):
    return stepping(lambda n, f, t, h, y: (euler_step if condition(n) else rk4_step)(f, t, h, y))


def float32_step(n, f, t, h, y):
    return rk4_step(f, t, float(torch.tensor(h, dtype=torch.float32)), y)


def float32_state(n, f, t, h, y):
    return rk4_step(f, t, h, y).float().double()


def float32_times(n, f, t, h, y):
    return rk4_step(lambda s, x: f(float(torch.tensor(s, dtype=torch.float32)), x), t, h, y)


def capped_increment(n, f, t, h, y):
    return y + (rk4_step(f, t, h, y) - y).clamp(-0.25, 0.25)


def clipped_state(n, f, t, h, y):
    return rk4_step(f, t, h, y).clamp(-1.5, 1.5)


def third_stage_with_float32_weights(n, f, t, h, y):
    k1 = f(t, y)
    k2 = f(t + h / 2, y + h / 2 * k1)
    k3 = f(t + h / 2, y + h / 2 * k2)
    stages = (k1, k2, k3, f(t + h, y + h / 2 * k3))
    weights = torch.tensor([1 / 6, 1 / 3, 1 / 3, 1 / 6], dtype=torch.float32).tolist()
    return y + h * sum(w * k for w, k in zip(weights, stages, strict=True))


def leapfrog(f, t, h, y):
    """Return a step of velocity Verlet for the halves (q, p) of the state."""
    half = y.shape[-1] // 2
    q, p = y[..., :half], y[..., half:]
    p = p + h / 2 * f(t, y)[..., half:]
    q = q + h * f(t + h / 2, torch.cat([q, p], -1))[..., :half]
    return torch.cat([q, p + h / 2 * f(t + h, torch.cat([q, p], -1))[..., half:]], -1)


LEAPFROG = layer(marching(leapfrog), order=2)


def at_zero(n, f, t, h, y):
    return rk4_step(lambda _, x: f(0.0, x), t, h, y)


def index_for_time(n, f, t, h, y):
    return rk4_step(lambda _, x: f(round((t - 0.1) / h), x), t, h, y)


def nearly(n, f, t, h, y):
    return y + (1 + 3e-8) * (rk4_step(f, t, h, y) - y)


def third_stage(n, f, t, h, y):
    k1 = f(t, y)
    k2 = f(t + h / 2, y + h / 2 * k1)
    k3 = f(t + h / 2, y + 0.51 * h * k2)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + f(t + h, y + h * k3))


def heun_of_four_stages(n, f, t, h, y):
    k1 = f(t, y)
    return y + h / 2 * (k1 + f(t + h, y + h * k1)) + 0 * (f(t, y) + f(t, y))


def steps_of_a_tenth(dynamics, t0, t1, n_steps):
    """Return RK4 with steps of 0.1, as many as the interval has, whatever number is asked for."""
    return lambda y: functools.reduce(
        lambda y, i: rk4_step(dynamics, t0 + 0.1 * i, 0.1, y), range(int((t1 - t0) / 0.1)), y
    )


def a_step_at_each_point(dynamics, t0, t1, n_steps):
    """Return RK4 with a step at each point of a grid of n_steps points, the last one among them."""
    h = (t1 - t0) / max(n_steps - 1, 1)
    return lambda y: functools.reduce(lambda y, i: rk4_step(dynamics, t0 + i * h, h, y), range(n_steps), y)


TIMES = "the times are float32 numbers"
STATE = "y1 consists of float32 numbers"
STEP = "the step is rounded to float32"


@pytest.mark.parametrize(
    ("check_id", "wrong", "cause"),
    [
        ("constant-field", stepping(float32_state), STATE),
        ("constant-field", stepping(float32_step), STEP),
        ("constant-field", MUTANT["weight-typo"], "as weights do that add up to 0.9762"),
        ("constant-field", layer(steps_of_a_tenth), "so the number of steps is not what was asked for"),
        (
            "constant-field",
            layer(a_step_at_each_point),
            "one step too many, 16 steps of (t1 - t0)/15, the last beginning at t1. Loop over `ts[:-1]`",
        ),
        ("constant-field", MUTANT["last-step-not-shortened"], "h rounded to 2 decimals"),
        (
            "constant-field",
            MUTANT["end-capped"],
            "16 steps of (t1 - t0)/32, from t0 to t = 1, not to t1 = 1.7",
        ),
        ("time-precision", stepping(float32_state), STATE),
        ("time-precision", stepping(float32_step), STEP),
        ("time-precision", MUTANT["weight-typo"], "0.9762 times as long"),
        ("polynomial-field", stepping(float32_state), STATE),
        ("polynomial-field", stepping(float32_times), TIMES),
        ("polynomial-field", stepping(float32_step), STEP),
        ("polynomial-field", by_euler_if(lambda n: n % 2), "an odd number of steps is treated apart"),
        ("polynomial-field", stepping(capped_increment), "depends on the size of the step"),
        ("polynomial-field", MUTANT["time-from-zero"], "time starts at 0, not at t0"),
        ("polynomial-field", stepping(heun_of_four_stages), "shrinking at order 2.0: stage times or"),
        ("forward-order", MUTANT["time-from-zero"], "time starts at 0, not at t0"),
        ("forward-order", by_euler_if(lambda n: n > 20), "At 20 steps the error is"),
        ("forward-order", MUTANT["steps-capped"], "the number of steps is not what was asked for"),
        ("forward-order", stepping(third_stage), "the states at which the stages are evaluated are not"),
        ("forward-order", MUTANT["end-capped"], "the field is evaluated on [0.3, 1], not on [0.3, 1.7]"),
    ],
)
def test_the_cause_is_named(check_id, wrong, cause):
    assert cause in diagnosis(check_id, wrong)


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("mean-over-batch", "0.3333 times the exact gradient (1/B = 1/3)"),
        ("factor-step", "(h = 0.0875)"),
        ("one-entry-zero", "wrong in 1 of 2 entries, (0,), zero there"),
        ("first-member-only", "matches parameter gradients of the first batch member alone"),
        ("cotangent-clipped", "the gradient for a cotangent clipped to [-0.5, 0.5]"),
        ("adjoint-cotangent-through-bfloat16", "the gradient for a cotangent rounded to bfloat16"),
        ("weight-typo", "∂L/∂c is right for the time of the forward pass"),
        ("last-backward-step-missing", "The backward pass takes 15 steps of h, the interval has 16."),
    ],
)
def test_a_wrong_gradient_of_a_constant_field_is_named(name, cause):
    assert cause in diagnosis("constant-field-gradient", MUTANT[name])


def test_finite_differences_name_the_groups_that_fail_and_no_other():
    text = diagnosis("finite-differences", MUTANT["one-group-zero"])
    assert "of the forward pass: ∂L/∂b2 by 1; 5 others pass." in text


def test_mixed_members_and_a_clipped_state_are_told_from_other_equations():
    assert "the members are mixed" in diagnosis("forward-order", MUTANT["batch-mean"])
    assert "The state is limited to [-1.5, 1.5]" in diagnosis("forward-order", stepping(clipped_state))


def test_a_wrong_stage_is_named_in_spite_of_float32_weights():
    text = diagnosis("forward-order", stepping(third_stage_with_float32_weights))
    assert "Powers of t are integrated to 6e-08: the weights and the times of the stages are right" in text
    assert "the states at which the stages are evaluated are not" in text


def test_leapfrog_is_told_that_its_order_is_that_of_separable_fields():
    text = diagnosis("forward-order", LEAPFROG)
    assert "for the halves of the state, the order is 2.00: each half is advanced by itself" in text
    assert "claim `order=1`, which holds for all fields, and `supports={'even'}`" in text


def test_a_layer_that_halves_the_state_is_told_what_to_claim():
    assert "If so meant, claim `supports={'even'}`." in diagnosis("other-sizes", LEAPFROG)
    assert "claim" not in diagnosis("other-sizes", MUTANT["column-averaged"])


@pytest.mark.parametrize("check_id", ["constant-field", "time-precision", "polynomial-field"])
def test_a_small_error_of_another_cause_is_not_called_float32(check_id):
    assert "float32" not in diagnosis(check_id, stepping(nearly))


def test_times_that_are_no_times_are_not_called_float32():
    assert "at t = 0 only" in diagnosis("time-precision", stepping(at_zero))
    assert "evaluated on [0, 6]" in diagnosis("time-precision", stepping(index_for_time))


@pytest.mark.parametrize(
    "wrong", [by_euler_if(lambda n: n % 2), stepping(capped_increment), stepping(float32_state)]
)
def test_coefficients_are_not_blamed_for_what_depends_on_the_number_of_steps_or_on_rounding(wrong):
    assert "weights" not in diagnosis("polynomial-field", wrong)


def test_the_plateau_of_a_float32_state_is_not_called_another_equation():
    text = diagnosis("forward-order", stepping(float32_state), 1)
    assert STATE in text
    assert "another equation" not in text


def test_an_order_above_the_claim_is_called_that():
    assert "higher order than claimed" in diagnosis("forward-order", rk4(order=3))


def test_a_layer_that_takes_no_step_is_told():
    assert "takes no step" in diagnosis("constant-field", after(lambda y0, _: y0 * 1))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda w: w.clamp(-8, 8), "clipped where it is large"),
        (lambda w: torch.where(w.abs() < 1e-3, 0.0, w), "cut off, or rounded, where it is small"),
        (lambda w: w + 1e-3, "something is added to ∂L/∂y0 that is there for a cotangent of zero"),
    ],
)
def test_a_gradient_that_is_not_proportional_is_told_by_the_end_at_which_it_is_not(change, cause):
    assert cause in diagnosis("cotangent-linearity", pulling_back(change))
