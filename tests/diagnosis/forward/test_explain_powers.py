"""Wrong powers of t: large errors are explained, whatever rounding to float32 leaves beside them."""

from __future__ import annotations

import numpy as np
import pytest
from wrong_layers import euler_step, layer, marching

from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest
from nodecheck.options.profile import SMOKE

WEIGHTS = tuple(float(np.float32(w)) for w in (1 / 6, 1 / 3, 1 / 3, 1 / 6))


def rounded_step(f, t, h, y, *, late=1.0):
    """Return a step of RK4 with float32 weights, whose later stages are told t + late h."""
    k1 = f(t, y)
    k2 = f(t + late * h / 2, y + h / 2 * k1)
    k3 = f(t + late * h / 2, y + h / 2 * k2)
    stages = (k1, k2, k3, f(t + late * h, y + h * k3))
    return y + h * sum(w * k for w, k in zip(WEIGHTS, stages, strict=True))


def times_at_start(dynamics, t0, t1, n_steps):
    return marching(lambda *step: rounded_step(*step, late=0.0))(dynamics, t0, t1, n_steps)


def euler_if_odd(dynamics, t0, t1, n_steps):
    return marching(euler_step if n_steps % 2 else rounded_step)(dynamics, t0, t1, n_steps)


def rounded_only(dynamics, t0, t1, n_steps):
    return marching(rounded_step)(dynamics, t0, t1, n_steps)


def diagnosis(build):
    check = next(check for check in CHECKS if check.id == "polynomial-field")
    evidence = check.measure(LayerUnderTest(layer(build), SMOKE), None)
    assert any(not m.holds for m in evidence.measurements)
    return evidence.diagnosis


def test_wrong_stage_times_are_named_before_float32_coefficients():
    text = diagnosis(times_at_start)
    assert text.startswith("Exact below t^1, wrong from there on")
    assert "shrinking at order 1.0: stage times or weights" in text
    assert "The others, below" in text


def test_odd_numbers_of_steps_are_named_in_spite_of_float32_coefficients():
    assert "wrong with 5, 7 and 9: an odd number of steps is treated apart." in diagnosis(euler_if_odd)


@pytest.mark.parametrize("other", ["The others", "an odd number", "stage times"])
def test_float32_coefficients_alone_are_given_no_other_cause(other):
    assert other not in diagnosis(rounded_only)
