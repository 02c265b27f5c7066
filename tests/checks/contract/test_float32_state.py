"""Values in float32 and float64 are compared on one grid only; another grid has to end at t1."""

from __future__ import annotations

import torch
from wrong_layers import layer, marching, rk4_step

from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest
from nodecheck.options.profile import CI

(FLOAT32_STATE,) = (check for check in CHECKS if check.id == "float32-state")


def measure(build):
    return FLOAT32_STATE.measure(LayerUnderTest(layer(build), CI), *FLOAT32_STATE.problems)


def counting(*, ends):
    """Return RK4 with the steps that fit into the interval in the dtype of the state: 5 for 4 in float32.

    The steps are made shorter if it `ends` at t1.
    """

    def build(dynamics, t0, t1, n_steps):
        def solve(y):
            start, end, h = (torch.tensor(v, dtype=y.dtype) for v in (t0, t1, (t1 - t0) / n_steps))
            count = int(torch.ceil((end - start) / h))
            step = (t1 - t0) / (count if ends else n_steps)
            for i in range(count):
                y = rk4_step(dynamics, t0 + i * step, step, y)
            return y

        return solve

    return build


def test_another_number_of_steps_to_the_same_end_is_information():
    evidence = measure(counting(ends=True))
    assert all(m.holds for m in evidence.measurements)
    assert evidence.facts == {
        "float32": "20 evaluations of the field in float32, 16 in float64: values are not compared"
    }


def test_another_number_of_steps_beyond_the_end_is_a_failure():
    evidence = measure(counting(ends=False))
    assert [m.name for m in evidence.measurements if not m.holds] == ["error of the elapsed time in float32"]
    assert "20 evaluations of the field in float32, 16 in float64, and the layer integrates over 1.75" in (
        evidence.diagnosis
    )


def test_another_number_of_steps_is_no_excuse_for_a_nan():
    def build(dynamics, t0, t1, n_steps):
        right = counting(ends=True)(dynamics, t0, t1, n_steps)
        single, late = torch.float32, next(iter(dynamics.parameters())).ndim > 1  # not in y' = c
        return lambda y: right(y) * (torch.nan if late and y.dtype == single else 1.0)

    assert "12 of 12 entries of y1 are NaN or infinite in float32" in measure(build).diagnosis


def test_a_state_that_passes_through_bfloat16_is_named_with_its_size():
    def coarse(dynamics, t, h, y):
        y = rk4_step(dynamics, t, h, y)
        return y.bfloat16().to(y.dtype) if y.dtype == torch.float32 else y

    evidence = measure(marching(coarse))
    assert "of its size; rounding allows" in evidence.diagnosis
    assert "y1 consists of bfloat16 numbers" in evidence.diagnosis


def test_a_difference_without_a_trace_of_lower_precision_is_said_to_be_so():
    def other(dynamics, t, h, y):
        return rk4_step(dynamics, t, h if y.dtype == torch.float64 else 1.01 * h, y)

    assert "Neither y1 nor the times are numbers of a lower" in measure(marching(other)).diagnosis


def test_a_right_layer_is_compared_on_its_one_grid():
    evidence = measure(marching(rk4_step))
    assert [m.name for m in evidence.measurements] == ["changes of dtype", "float32 against float64"]
    assert all(m.holds for m in evidence.measurements)
